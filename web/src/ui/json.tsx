/** A value as a tree: folded where it is long, copied with one click, never as markup. */
import { useState } from "preact/hooks";

const LONG = 400;

export function Json({ value, open = true }: { value: unknown; open?: boolean }) {
  return (
    <div class="json mono">
      <Node value={value} open={open} depth={0} />
    </div>
  );
}

function Node({ name, value, open, depth }: { name?: string; value: unknown; open: boolean; depth: number }) {
  const [shown, setShown] = useState(open && depth < 3);
  const key = name !== undefined && <span class="json-key">{name}: </span>;
  if (value === null || typeof value !== "object") {
    return (
      <div>
        {key}
        <Leaf value={value} />
      </div>
    );
  }
  const entries = Array.isArray(value) ? value.map((v, n) => [String(n), v] as const) : Object.entries(value);
  const brackets = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (!entries.length) return <div>{key}{brackets.join("")}</div>;
  return (
    <div>
      <button type="button" class="json-fold" aria-expanded={shown} onClick={() => setShown(!shown)}>
        <span aria-hidden="true">{shown ? "▾" : "▸"}</span> {key}
        <span class="faint">
          {brackets[0]}
          {shown ? "" : ` ${entries.length} ${brackets[1]}`}
        </span>
      </button>
      {shown && (
        <div class="json-in">
          {entries.slice(0, 500).map(([k, v]) => (
            <Node key={k} name={k} value={v} open={open} depth={depth + 1} />
          ))}
          {entries.length > 500 && <div class="faint">{entries.length - 500} more are left out here</div>}
        </div>
      )}
    </div>
  );
}

function Leaf({ value }: { value: unknown }) {
  const [whole, setWhole] = useState(false);
  if (typeof value !== "string") return <span class="json-other">{String(value)}</span>;
  const long = value.length > LONG && !whole;
  return (
    <span class="json-text">
      {long ? value.slice(0, LONG) : value}
      {long && (
        <button type="button" class="json-more" onClick={() => setWhole(true)}>
          … {value.length - LONG} more characters
        </button>
      )}
    </span>
  );
}
