/** The same steps as in the timeline, for the eye: bars as short as a pixel are no targets for a finger, so they are none of
 * the keyboard's or a screen reader's either. A turn over time: a bar for each step, one row for each branch, idle gaps narrow and hatched; height tells the cost. */
import { useMemo } from "preact/hooks";
import { exactUsd, took } from "../../data/format";
import { now } from "../../data/live";
import { place, setQuery } from "../../data/router";
import { Costs } from "./costs";
import type { Story } from "../../data/types";
import { family, gist, type Step } from "./steps";
import { scaleOf } from "./timescale";

export interface Props {
  story: Story;
  steps: Step[];
  chosen: number;
  choose: (seq: number) => void;
}

const LEAST = 0.004;

export function Flame(props: Props) {
  const cost = place.value.query.get("width") === "cost";
  const priced = props.steps.some((s) => s.cost?.usd);
  return (
    <>
      <div class="flame-how">
        <div class="segments" role="group" aria-label="Width">
          <button type="button" aria-pressed={!cost} onClick={() => setQuery({ width: "" })}>
            By time
          </button>
          <button type="button" aria-pressed={cost} disabled={!priced && !cost} title={priced ? "" : "No model of this turn had a price"} onClick={() => setQuery({ width: "cost" })}>
            By cost
          </button>
        </div>
      </div>
      {cost ? <Costs {...props} /> : <Times {...props} />}
    </>
  );
}

function Times({ story, steps, chosen, choose }: Props) {
  const timed = steps.filter((s) => s.verb !== "end");
  const to = story.line.ended || now();
  const scale = useMemo(() => scaleOf(timed, story.line.began, to), [steps, to]);
  const rows = useMemo(() => lanes(timed, to), [steps, to]);
  const dearest = Math.max(...timed.map((s) => s.cost?.usd ?? 0), 0);
  return (
    <figure class="flame" aria-label="Steps over time">
      <div class="flame-axis num faint">
        <span>0</span>
        {scale.gaps.filter((gap) => gap.right < 0.9).map((gap) => (
          <span key={gap.from} class="flame-gap-word" style={{ left: `${((gap.left + gap.right) / 2) * 100}%` }}>
            {took(gap.to - gap.from)}
          </span>
        ))}
        <span class="flame-end">{took(to - story.line.began)}</span>
      </div>
      <div class="flame-rows" aria-hidden="true">
        {scale.gaps.map((gap) => (
          <i key={gap.from} class="flame-gap" style={{ left: `${gap.left * 100}%`, width: `${(gap.right - gap.left) * 100}%` }} />
        ))}
        {rows.map((row, n) => (
          <div class="flame-row" key={n}>
            {row.map((step) => {
              const wide = Math.max(scale.at(step.ended || to) - scale.at(step.began), LEAST);
              const left = Math.min(scale.at(step.began), 1 - wide);
              const words = `${step.verb} ${step.name} · ${took((step.ended || to) - step.began)}${step.cost?.usd ? ` · ${exactUsd(step.cost.usd)}` : ""}`;
              return (
                <span
                  key={step.seq}
                  class={`bar f-${family(step)}`}
                  data-chosen={chosen === step.seq}
                  title={`${words}\n${gist(step)}`}
                  style={{ left: `${left * 100}%`, width: `${wide * 100}%` }}
                  onClick={() => choose(step.seq)}
                >
                  <span class="cut">{step.name || step.verb}</span>
                  {dearest > 0 && step.cost && <i class="bar-cost" style={{ width: `${(step.cost.usd / dearest) * 100}%` }} />}
                </span>
              );
            })}
          </div>
        ))}
      </div>
      <figcaption class="faint">Stretches in which nothing ran are narrow and hatched. The line under a model's bar is its share of the cost. The keys j and k go from step to step; the timeline has the same steps as text.</figcaption>
    </figure>
  );
}

/** Steps into as few rows as possible, so that none overlap. */
function lanes(steps: Step[], to: number): Step[][] {
  const rows: Step[][] = [];
  const ends: number[] = [];
  for (const step of [...steps].sort((a, b) => a.began - b.began || a.seq - b.seq)) {
    let row = ends.findIndex((end) => end <= step.began);
    if (row < 0) row = rows.push([]) - 1;
    rows[row]?.push(step);
    ends[row] = step.ended || to;
  }
  return rows;
}
