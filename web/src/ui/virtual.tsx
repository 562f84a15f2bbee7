/** A list of any length with as many rows in the document as can be seen. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface Props {
  count: number;
  height: number;
  row: (index: number) => ComponentChildren;
  /** Told which rows are seen, so that they can be fetched. */
  seen?: (first: number, last: number) => void;
  /** Kept in view. */
  chosen?: number;
  label: string;
  role?: "list" | "log";
  /** Stay at the end while it is being looked at. */
  stick?: boolean;
}

const MARGIN = 6;

export function Virtual({ count, height, row, seen, chosen, label, role = "list", stick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, tall: 600 });
  const atEnd = useRef(true);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    let asked = false;
    const measure = (): void => {
      asked = false;
      atEnd.current = element.scrollTop + element.clientHeight >= element.scrollHeight - height;
      setView({ top: element.scrollTop, tall: element.clientHeight });
    };
    const soon = (): void => {
      if (!asked) requestAnimationFrame(measure);
      asked = true;
    };
    measure();
    element.addEventListener("scroll", soon, { passive: true });
    const size = new ResizeObserver(soon);
    size.observe(element);
    return () => {
      element.removeEventListener("scroll", soon);
      size.disconnect();
    };
  }, [height]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element && stick && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [count, stick]);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || chosen === undefined || chosen < 0) return;
    const top = chosen * height;
    if (top < element.scrollTop + height) element.scrollTop = Math.max(0, top - height);
    else if (top + height > element.scrollTop + element.clientHeight) element.scrollTop = top + height - element.clientHeight;
  }, [chosen, height]);

  const first = Math.max(0, Math.floor(view.top / height) - MARGIN);
  const last = Math.min(count, Math.ceil((view.top + view.tall) / height) + MARGIN);
  useLayoutEffect(() => seen?.(first, last), [first, last, count]);

  const rows: ComponentChildren[] = [];
  for (let index = first; index < last; index++) {
    rows.push(
      <div key={index} class="v-row" role={role === "list" ? "listitem" : undefined} style={{ transform: `translateY(${index * height}px)`, height: `${height}px` }}>
        {row(index)}
      </div>,
    );
  }
  return (
    <div ref={box} class="v-box" tabIndex={0} role={role} aria-label={label}>
      <div class="v-space" style={{ height: `${count * height}px` }}>
        {rows}
      </div>
    </div>
  );
}
