/** Two texts as one: signs say what went and what came, colours only repeat it; long stretches that stayed are folded. */
import { useState } from "preact/hooks";
import type { Line } from "./types";

const AROUND = 3;

type Row = Line | { folded: Line[] };

export function Comparison({ lines, beside }: { lines: Line[]; beside: boolean }) {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  if (!lines.some((l) => l.mark !== " ")) return <p class="dim">They say the same.</p>;
  const rows = fold(lines, open);
  return (
    <div class={beside ? "diff beside" : "diff"} tabIndex={0} role="region" aria-label="Differences, line by line">
      {(beside ? paired(rows) : rows.map((r) => [r, undefined] as const)).map(([row, other], n) =>
        row && "folded" in row ? (
          <button key={n} type="button" class="diff-fold" onClick={() => setOpen(new Set([...open, row.folded[0]?.after ?? 0]))}>
            {row.folded.length} lines that stayed
          </button>
        ) : beside ? (
          <div key={n} class="diff-pair">
            <DiffLine line={row} side="before" />
            <DiffLine line={other} side="after" />
          </div>
        ) : (
          <DiffLine key={n} line={row} />
        ),
      )}
    </div>
  );
}

const WORDS = { "-": "went", "+": "came", " ": "stayed" };

function DiffLine({ line, side }: { line: Line | undefined; side?: "before" | "after" }) {
  if (!line) return <span class="diff-line empty" />;
  const number = side ? line[side] : line.after || line.before;
  const sign = line.mark === "-" ? "−" : line.mark;
  const body = (
    <>
      <span class="document-number" aria-hidden="true">{number}</span>
      <span class="diff-sign" aria-hidden="true">{sign}</span>
      {line.mark !== " " && <span class="hidden-text">{WORDS[line.mark]}: </span>}
      <span class="diff-text">{line.text || " "}</span>
    </>
  );
  if (line.mark === "-") return <del class="diff-line gone">{body}</del>;
  if (line.mark === "+") return <ins class="diff-line came">{body}</ins>;
  return <span class="diff-line">{body}</span>;
}

/** Stretches that stayed, but for a few lines around what changed, as one. */
function fold(lines: Line[], open: ReadonlySet<number>): Row[] {
  const near = lines.map((_, n) => lines.slice(Math.max(0, n - AROUND), n + AROUND + 1).some((l) => l.mark !== " "));
  const rows: Row[] = [];
  for (let n = 0; n < lines.length; ) {
    let end = n;
    while (end < lines.length && !near[end]) end++;
    const stretch = lines.slice(n, end);
    if (stretch.length > 2 && !open.has(stretch[0]?.after ?? 0)) rows.push({ folded: stretch });
    else rows.push(...stretch);
    if (end < lines.length) rows.push(lines[end] as Line);
    n = end + 1;
  }
  return rows;
}

/** What went beside what came in its place. */
function paired(rows: Row[]): (readonly [Row | undefined, Line | undefined])[] {
  const pairs: (readonly [Row | undefined, Line | undefined])[] = [];
  let gone: Line[] = [];
  const flush = (): void => {
    pairs.push(...gone.map((l) => [l, undefined] as const));
    gone = [];
  };
  for (const row of rows) {
    if ("folded" in row) {
      flush();
      pairs.push([row, undefined]);
    } else if (row.mark === "-") gone.push(row);
    else if (row.mark === "+") pairs.push([gone.shift(), row]);
    else {
      flush();
      pairs.push([row, row]);
    }
  }
  flush();
  return pairs;
}
