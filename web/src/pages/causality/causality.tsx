/** Agents over time as lanes, with the messages between them: from an effect back to its causes, and on to what it caused. */
import { useEffect, useState } from "preact/hooks";
import { GitBranch } from "lucide-preact";
import { moment, took } from "../../data/format";
import { now } from "../../data/live";
import { agentLink, go, place } from "../../data/router";
import { Empty, Waiting } from "../../ui/controls";
import { stepsOf } from "../agent/steps";
import { causes, effects, type Node } from "./walk";

const LANE = 56;

export function CausalityPage() {
  const agent = place.value.query.get("agent") ?? "";
  const turn = Number(place.value.query.get("turn")) || 0;
  const [nodes, setNodes] = useState<Node[]>();
  useEffect(() => {
    setNodes(undefined);
    if (!agent || !turn) return;
    let wanted = true;
    void causes(agent, turn).then(async (chain) => {
      if (wanted) setNodes(chain);
      const last = chain.at(-1);
      const below = last ? await effects(last) : [];
      if (wanted) setNodes([...chain, ...below]);
    });
    return () => void (wanted = false);
  }, [agent, turn]);
  return (
    <>
      <header class="head">
        <h1>Causality</h1>
        {agent && (
          <span class="dim mono cut">
            {agent} turn {turn}
          </span>
        )}
      </header>
      <div class="body">{!agent ? <Nothing /> : !nodes ? <Waiting /> : nodes.length ? <Lanes nodes={nodes} chosen={agent} /> : <Gone />}</div>
    </>
  );
}

function Nothing() {
  const [text, setText] = useState("");
  const open = (event: Event): void => {
    event.preventDefault();
    if (text.includes("/")) go(agentLink(text.trim()));
  };
  return (
    <Empty title="Choose an effect, walk back to its causes" icon={<GitBranch size={28} class="icon" />}>
      <p>Open an agent, choose a turn, and press Causes and effects in its details: every agent that led to it gets a lane, with the messages between them.</p>
      <form class="filters" onSubmit={open}>
        <label class="field grow">
          <span class="hidden-text">Agent</span>
          <input placeholder="An agent's address, e.g. order/7" value={text} onInput={(e) => setText(e.currentTarget.value)} />
        </label>
        <button class="button primary" type="submit">
          Open
        </button>
      </form>
    </Empty>
  );
}

function Gone() {
  return (
    <Empty title="This turn is forgotten">
      <p>
        Retention removes turns that ended long ago. <code>holdfast up --retain</code> says when.
      </p>
    </Empty>
  );
}

function Lanes({ nodes, chosen }: { nodes: Node[]; chosen: string }) {
  const lanes = [...new Set(nodes.map((n) => n.agent))];
  const from = Math.min(...nodes.map((n) => n.story.line.began));
  const to = Math.max(...nodes.map((n) => n.story.line.ended || now()), from + 1);
  const x = (t: number): number => ((Math.min(Math.max(t, from), to) - from) / (to - from)) * 100;
  const y = (a: string): number => lanes.indexOf(a) * LANE + LANE / 2;
  return (
    <div class="page">
      <div class="lanes-axis faint num">
        <span>{moment(from)}</span>
        <span>{took(to - from)}</span>
      </div>
      <div class="lanes" style={{ height: `${lanes.length * LANE}px` }}>
        {lanes.map((lane) => (
          <div key={lane} class="lane" style={{ top: `${lanes.indexOf(lane) * LANE}px`, height: `${LANE}px` }}>
            <a class={lane === chosen ? "mono link" : "mono dim"} href={agentLink(lane)}>
              {lane}
            </a>
          </div>
        ))}
        <svg class="lanes-links" aria-hidden="true" width="100%" height={lanes.length * LANE} preserveAspectRatio="none" viewBox={`0 0 100 ${lanes.length * LANE}`}>
          {nodes.map((n) => n.by && lanes.includes(n.by.agent) && <path key={n.agent + n.turn} d={`M${x(n.story.line.began)} ${y(n.by.agent)}V${y(n.agent)}`} vector-effect="non-scaling-stroke" />)}
        </svg>
        {nodes.map((n) => (
          <a
            key={`${n.agent}#${n.turn}`}
            class={`lane-turn tone-${n.story.line.error || n.story.line.failures ? "trouble" : n.story.line.ended ? "good" : "work"}`}
            href={`/causality?agent=${encodeURIComponent(n.agent)}&turn=${n.turn}`}
            style={{ top: `${y(n.agent) - 2}px`, left: `${x(n.story.line.began)}%`, width: `max(24px, ${x(n.story.line.ended || now()) - x(n.story.line.began)}%)` }}
            title={`${n.agent} ${n.story.line.handler}`}
          >
            <span class="cut">{n.story.line.handler}</span>
          </a>
        ))}
      </div>
      <ol class="chain">
        {nodes.map((n) => (
          <li key={`${n.agent}#${n.turn}`}>
            <a class="link mono" href={agentLink(n.agent, { turn: n.turn })}>
              {n.agent}
            </a>{" "}
            {n.story.line.handler} <span class="faint">{n.by ? `because of step ${n.by.path} of ${n.by.agent}` : `from ${n.story.line.sender || "outside"}`}, {stepsOf(n.story).length} steps, {n.story.line.error || n.story.line.state}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}
