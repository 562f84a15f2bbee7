/** The chosen turn: the way back to where it came from, what it caused, and its entry in full. */
import { useEffect } from "preact/hooks";
import { ArrowDown, ExternalLink, X } from "lucide-preact";
import { moment, plural, took } from "../../data/format";
import { agentLink } from "../../data/router";
import type { Story } from "../../data/types";
import { Button, Waiting } from "../../ui/controls";
import { Cli } from "../../ui/command";
import { Inspector } from "../agent/inspector";
import { stepsOf } from "../agent/steps";
import { useCall } from "../../ui/use";
import type { Chain } from "./rows";
import { keyOf, toneOf, wordOf, type Span } from "./types";

interface Props {
  agent: string;
  turn: number;
  path: string;
  span: Span | undefined;
  chain: Chain;
  gone: boolean;
  choose: (span: { agent: string; turn: number } | undefined, path?: string) => void;
}

export function Panel({ agent, turn, path, span, chain, gone, choose }: Props) {
  const story = useCall<Story>("story", { address: agent, turn }, 500);
  useEffect(story.again, [span?.ended, span?.steps.length]);
  const steps = story.value ? stepsOf(story.value) : [];
  const step = path ? steps.find((s) => s.path === path) : undefined;
  const last = chain.back.at(-1);
  return (
    <div class="causes">
      <header class="causes-head">
        <h2>
          <span class="mono">{agent}</span> <span class="faint">turn {turn}</span>
        </h2>
        <Button kind="ghost" aria-label="Close" icon={<X size={14} class="icon" />} onClick={() => choose(undefined)} />
      </header>
      <a class="link causes-open" href={agentLink(agent, { turn, ...(step && { entry: step.seq }) })}>
        <ExternalLink size={13} class="icon" /> Open in the agent's page
      </a>
      <h3>How it came about</h3>
      <ol class="causes-chain">
        {chain.back.map((each, n) => {
          const next = chain.back[n + 1];
          return (
            <li key={keyOf(each.agent, each.turn)}>
              <Turn span={each} chosen={each === last} choose={choose} from={n === 0 ? each.sender || "outside" : ""} />
              {next?.cause && (
                <button type="button" class="causes-step" onClick={() => choose(each, next.cause?.[2] ?? "")}>
                  <ArrowDown size={12} class="icon" /> step {next.cause[2]}
                  {each.steps.find((s) => s[1] === next.cause?.[2])?.[2] === "call" ? ", a call" : ", a message"}
                </button>
              )}
            </li>
          );
        })}
      </ol>
      {chain.back[0]?.cause && <p class="faint">What is before that is forgotten by retention, or not yours to see.</p>}
      {chain.on.length > 0 && (
        <>
          <h3>What it caused ({plural(chain.on.length, "turn")})</h3>
          <ol class="causes-chain">
            {chain.on.slice(0, 30).map((each) => (
              <li key={keyOf(each.agent, each.turn)}>
                <Turn span={each} chosen={false} choose={choose} from="" />
              </li>
            ))}
          </ol>
        </>
      )}
      <Cli command={`holdfast causes ${agent} ${turn}`} />
      {gone ? (
        <p class="dim">
          This turn is forgotten: retention removes what ended long ago. <code>holdfast up --retain</code> says when.
        </p>
      ) : story.value ? (
        <Inspector address={agent} story={story.value} step={step} />
      ) : (
        <Waiting rows={4} />
      )}
    </div>
  );
}

function Turn({ span, chosen, choose, from }: { span: Span; chosen: boolean; choose: Props["choose"]; from: string }) {
  return (
    <button type="button" class={`causes-turn tone-${toneOf(span)}`} aria-current={chosen} onClick={() => choose(span)}>
      <i aria-hidden="true" />
      <span class="mono cut">{span.agent}</span>
      <span class="cut dim">{span.handler}</span>
      <span class="causes-when faint num">
        {from && `from ${from} · `}
        {span.began ? moment(span.began) : "before"} · {wordOf(span)}
        {span.began && span.ended ? ` in ${took(span.ended - span.began)}` : ""}
        {span.failures > 0 && <b class="turn-bad"> · {span.failures} failed</b>}
      </span>
    </button>
  );
}
