/** What the parts of governance have in common: sections that wait and fail by themselves, tables, chips of outcomes. */
import type { ComponentChildren } from "preact";
import { ShieldCheck } from "lucide-preact";
import { inline } from "../../data/format";
import { Trouble, Waiting } from "../../ui/controls";
import type { Answer } from "../../ui/use";
import type { Field } from "./types";

interface PartProps<T> {
  title: string;
  answer: Answer<T[]>;
  none: ComponentChildren;
  action?: ComponentChildren;
  children: (rows: T[]) => ComponentChildren;
}

export function Part<T>({ title, answer, none, action, children }: PartProps<T>) {
  const { value, error, again } = answer;
  return (
    <section class="stack" aria-label={title}>
      <div class="section-head">
        <h2>{title}</h2>
        {action && <div class="end">{action}</div>}
      </div>
      {error !== undefined && !value && <Trouble error={error} again={again} />}
      {!value && error === undefined && <Waiting rows={3} />}
      {value && (value.length ? children(value) : <p class="dim prose-line"><ShieldCheck size={15} class="icon" /><span>{none}</span></p>)}
    </section>
  );
}

export function Table({ head, label, children }: { head: string[]; label?: string; children: ComponentChildren }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label ?? `Table by ${head[0]}`}>
      <table class="table">
        <thead>
          <tr>{head.map((h, n) => (h ? <th scope="col" key={h}>{h}</th> : <td key={n} />))}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

const TONES: Record<string, string> = { deny: "trouble", error: "trouble", ask: "person", approved: "good", transform: "work", hold: "wait", allow: "quiet" };
const WORDS: Record<string, string> = { deny: "denied", ask: "asked", approved: "approved", transform: "changed", hold: "held", allow: "allowed", error: "not judged" };

export function Outcome({ outcome }: { outcome: string }) {
  return <span class={`chip outcome tone-${TONES[outcome] ?? "quiet"}`}>{WORDS[outcome] ?? outcome}</span>;
}

export function outcomeWord(outcome: string): string {
  return WORDS[outcome] ?? outcome;
}

/** Places that differ: what went with a minus, what came with a plus, so that it reads without colours. */
export function Fields({ fields, before, after }: { fields: Field[]; before: string; after: string }) {
  return (
    <ul class="fields">
      {fields.map((f) => (
        <li key={f.path}>
          <code class="field-path">{f.path || "all of it"}</code>
          <Value mark="-" word={before} value={f.before} />
          <Value mark="+" word={after} value={f.after} />
        </li>
      ))}
    </ul>
  );
}

function Value({ mark, word, value }: { mark: "+" | "-"; word: string; value: unknown }) {
  const Tag = mark === "-" ? "del" : "ins";
  return (
    <Tag class="field-value">
      <span aria-hidden="true">{mark === "-" ? "−" : "+"}</span>
      <span class="field-word">{word}</span>
      <span class="mono">{value === null || value === undefined ? <i class="faint">nothing</i> : inline(value, 400)}</span>
    </Tag>
  );
}
