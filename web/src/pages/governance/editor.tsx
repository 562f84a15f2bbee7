/** A text with the numbers of its lines; those where something is wrong are marked, and say what. */
import { useRef, useState } from "preact/hooks";
import type { Flaw } from "./types";

interface Props {
  value: string;
  flaws: Flaw[];
  input: (text: string) => void;
  submit: () => void;
}

export function Editor({ value, flaws, input, submit }: Props) {
  const gutter = useRef<HTMLDivElement>(null);
  const [height] = useState(Math.max(240, (value.split("\n").length + 2) * 20));
  const lines = value.split("\n").length;
  const wrong = new Map(flaws.map((f) => [f.line, f.message]));
  const onKey = (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    }
  };
  return (
    <div class={flaws.length ? "editor wrong" : "editor"} style={{ height: `${height}px` }}>
      <div ref={gutter} class="editor-numbers" aria-hidden="true">
        {Array.from({ length: lines }, (_, n) => (
          <span key={n} class={wrong.has(n + 1) ? "wrong" : undefined} title={wrong.get(n + 1)}>
            {n + 1}
          </span>
        ))}
      </div>
      <textarea
        class="mono"
        aria-label="Documents, as YAML"
        aria-invalid={flaws.length > 0}
        spellcheck={false}
        autocapitalize="off"
        wrap="off"
        placeholder={"kind: Budget\nname: support-day\nscope: agent:support\nper: day\nusd: 5"}
        value={value}
        onInput={(e) => input(e.currentTarget.value)}
        onKeyDown={onKey}
        onScroll={(e) => gutter.current && (gutter.current.scrollTop = e.currentTarget.scrollTop)}
      />
    </div>
  );
}
