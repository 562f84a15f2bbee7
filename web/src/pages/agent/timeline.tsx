/** A turn as a list of steps: what it was asked, what it thought and did, what came back; waits are folded to a line. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { Bot, Clock, CornerDownRight, Database, Flag, MessageSquare, TriangleAlert, Wrench, UserRound } from "lucide-preact";
import { exactUsd, compact, time, took } from "../../data/format";
import { now } from "../../data/live";
import type { Story } from "../../data/types";
import { family, gist, waits, type Family, type Step } from "./steps";

const ICONS: Record<Family, typeof Bot> = { person: UserRound, model: Bot, tool: Wrench, message: MessageSquare, wait: Clock, state: Database, end: Flag, fail: TriangleAlert };

interface Props {
  story: Story;
  steps: Step[];
  chosen: number;
  choose: (seq: number) => void;
  tree: boolean;
}

const GAP_MS = 1_500;

export function Timeline({ story, steps, chosen, choose, tree }: Props) {
  const list = useRef<HTMLOListElement>(null);
  useLayoutEffect(() => {
    list.current?.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const shown = tree ? inTree(steps) : steps;
  return (
    <ol class={tree ? "timeline tree" : "timeline"} ref={list} aria-label="Steps of this turn">
      <Asked story={story} chosen={chosen === 0} choose={() => choose(0)} />
      {shown.map((step, n) => (
        <Line key={step.seq} step={step} before={tree ? undefined : shown[n - 1]} chosen={chosen === step.seq} choose={() => choose(step.seq)} tree={tree} />
      ))}
    </ol>
  );
}

/** Steps by their place in the task tree: branches together, whatever came between them in time. */
function inTree(steps: Step[]): Step[] {
  const parts = (s: Step): number[] => (s.path ? s.path.split(".").map(Number) : [s.verb === "end" ? Infinity : -1]);
  return [...steps].sort((a, b) => {
    const [p, q] = [parts(a), parts(b)];
    for (let n = 0; n < Math.max(p.length, q.length); n++) {
      const by = (p[n] ?? -1) - (q[n] ?? -1);
      if (by) return by;
    }
    return a.seq - b.seq;
  });
}

function Asked({ story, chosen, choose }: { story: Story; chosen: boolean; choose: () => void }) {
  const { line } = story;
  const words = [...story.args.map((a) => JSON.stringify(a)), ...Object.entries(story.kwargs).map(([k, v]) => `${k}=${JSON.stringify(v)}`)].join(", ");
  return (
    <li>
      <button type="button" class="step" aria-current={chosen} onClick={choose}>
        <span class="step-mark f-input">
          <UserRound size={13} class="icon" />
        </span>
        <span class="step-verb">{line.handler || "asked"}</span>
        <span class="step-gist cut mono">{words}</span>
        <span class="step-side faint num">
          from {line.sender || "unknown"} · {time(line.began)}
        </span>
      </button>
    </li>
  );
}

function Line({ step, before, chosen, choose, tree }: { step: Step; before: Step | undefined; chosen: boolean; choose: () => void; tree: boolean }) {
  const kind = family(step);
  const Icon = ICONS[kind];
  const idle = before ? step.began - (before.ended || before.began) : 0;
  const lasted = (step.ended || now()) - step.began;
  const inner = tree ? { paddingLeft: `${46 + step.depth * 22}px` } : undefined;
  return (
    <>
      {idle > GAP_MS && (
        <li class="idle" aria-label={`Nothing ran for ${took(idle)}`}>
          <span>{took(idle)} idle</span>
        </li>
      )}
      {tree && step.verb === "model" && <Context step={step} style={inner} />}
      <li>
        <button type="button" class={`step f-${kind}`} aria-current={chosen} onClick={choose} style={tree ? { paddingLeft: `${12 + step.depth * 22}px` } : undefined}>
          {tree && step.depth > 0 && <CornerDownRight size={12} class="icon faint" />}
          <span class={`step-mark f-${kind}`}>
            <Icon size={13} class="icon" />
          </span>
          <span class="step-verb">
            {step.verb === "end" ? step.name || "end" : step.verb}
            {step.name && step.verb !== "end" && <b class="mono">{step.name}</b>}
          </span>
          <span class={kind === "model" || kind === "fail" || kind === "person" ? "step-gist cut" : "step-gist cut mono"}>{gist(step)}</span>
          <span class="step-side num">
            {step.decision !== undefined && step.decision !== null && <span class="tag warn">gate</span>}
            {step.attempts > 1 && <span class="tag">{step.attempts} tries</span>}
            {step.labels.includes("untrusted") && kind === "tool" && <span class="tag">untrusted</span>}
            {step.cost && (
              <span class="faint">
                {compact(step.cost.input + step.cost.output)} tok{step.cost.usd ? ` · ${exactUsd(step.cost.usd)}` : ""}
              </span>
            )}
            <span class={lasted > 1000 ? "step-took" : "step-took faint"}>
              {!step.ended ? (waits(step) ? `waiting ${took(lasted)}` : "at work") : lasted >= 1 ? took(lasted) : ""}
            </span>
          </span>
        </button>
      </li>
      {tree && step.decision !== undefined && step.decision !== null && <Decided decision={step.decision} style={inner} />}
    </>
  );
}

/** What a model was shown was made from: people's words, answers of tools, and what nobody vouches for. */
function Context({ step, style }: { step: Step; style: { paddingLeft: string } | undefined }) {
  const from = step.labels.filter((label) => !label.startsWith("model:"));
  if (!from.length) return null;
  return (
    <li class="step-part" style={style}>
      <span>context from</span>
      {from.map((label) => (
        <span key={label} class={label === "untrusted" ? "tag warn" : "tag"}>
          {label.replace("agent:default/", "agent:")}
        </span>
      ))}
    </li>
  );
}

/** What the gate decided before the step took effect. */
function Decided({ decision, style }: { decision: unknown; style: { paddingLeft: string } | undefined }) {
  const { verdict, rules, reasons } = (decision ?? {}) as { verdict?: unknown; rules?: string[]; reasons?: string[] };
  const why = [...(rules ?? []), ...(reasons ?? [])].join(", ");
  return (
    <li class="step-part" style={style}>
      <span>gate decided</span>
      {typeof verdict === "string" && <span class="tag warn">{verdict}</span>}
      <span class="cut">{why}</span>
    </li>
  );
}