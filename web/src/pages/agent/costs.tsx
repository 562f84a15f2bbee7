/** What a turn cost as a flame: the whole on top, its models below it, their answers below them, each as wide as its share. */
import { compact, exactUsd } from "../../data/format";
import type { Props } from "./flame";
import { gist, type Step } from "./steps";

interface Part {
  key: string;
  name: string;
  usd: number;
  tokens: number;
  left: number;
  step?: Step;
}

export function Costs({ story, steps, chosen, choose }: Props) {
  const priced = steps.filter((s) => s.cost?.usd);
  const total = priced.reduce((sum, s) => sum + (s.cost?.usd ?? 0), 0);
  if (!total) {
    return (
      <p class="flame-none dim">
        No model of this turn had a price. <code>price</code> of a target in the models file says what a million tokens cost.
      </p>
    );
  }
  const models = new Map<string, Step[]>();
  for (const step of priced) {
    const name = step.cost?.model ?? "";
    models.set(name, [...(models.get(name) ?? []), step]);
  }
  const rows: Part[][] = [[{ key: "turn", name: story.line.handler || "turn", usd: total, tokens: tokensOf(priced), left: 0 }], [], []];
  let left = 0;
  for (const [name, list] of [...models].sort((a, b) => usdOf(b[1]) - usdOf(a[1]))) {
    rows[1]?.push({ key: name, name, usd: usdOf(list), tokens: tokensOf(list), left });
    for (const step of list) {
      rows[2]?.push({ key: String(step.seq), name: gist(step) || step.name, usd: step.cost?.usd ?? 0, tokens: tokensOf([step]), left, step });
      left += step.cost?.usd ?? 0;
    }
  }
  return (
    <figure class="flame" aria-label={`What this turn cost: ${exactUsd(total)}`}>
      <div class="flame-rows" aria-hidden="true">
        {rows.map((row, n) => (
          <div class="flame-row" key={n}>
            {row.map((part) => (
              <span
                key={part.key}
                class={n === 2 ? "bar f-model" : "bar f-input"}
                data-chosen={part.step !== undefined && part.step.seq === chosen}
                title={`${part.name}\n${exactUsd(part.usd)}, ${Math.round((part.usd / total) * 100)}%, ${compact(part.tokens)} tokens`}
                style={{ left: `${(part.left / total) * 100}%`, width: `${(part.usd / total) * 100}%` }}
                onClick={() => part.step && choose(part.step.seq)}
              >
                <span class="cut">
                  {part.name} <b class="num">{exactUsd(part.usd)}</b>
                </span>
              </span>
            ))}
          </div>
        ))}
      </div>
      <figcaption class="faint">The turn, its models, and their answers in order, each as wide as its share of {exactUsd(total)}. The timeline has the same numbers as text.</figcaption>
    </figure>
  );
}

function usdOf(steps: Step[]): number {
  return steps.reduce((sum, s) => sum + (s.cost?.usd ?? 0), 0);
}

function tokensOf(steps: Step[]): number {
  return steps.reduce((sum, s) => sum + (s.cost ? s.cost.input + s.cost.output : 0), 0);
}
