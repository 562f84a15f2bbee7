/** Keys that work on a page, while nobody is typing. A key may be two presses: "g f". */
import { useLayoutEffect } from "preact/hooks";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

const stack: Keys[] = [];
let first = "";
let firstAt = 0;

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const now = performance.now();
  const both = now - firstAt < 900 ? `${first} ${event.key}` : "";
  first = event.key;
  firstAt = now;
  for (const name of [both, event.key]) {
    for (let n = stack.length - 1; n >= 0; n--) {
      const action = stack[n]?.[name];
      if (!action || !name) continue;
      if (event.key === "Enter" && event.target instanceof HTMLElement && event.target.closest("a, button, summary")) return;
      event.preventDefault();
      first = "";
      action(event);
      return;
    }
  }
});

/** Binds keys for as long as the component is there; what is bound later comes first. They fit what is shown: bound before it
 * is painted, they know what was chosen a key press ago. */
export function useKeys(keys: Keys): void {
  useLayoutEffect(() => {
    stack.push(keys);
    return () => void stack.splice(stack.indexOf(keys), 1);
  });
}
