/** One step in full: what it was given, what came back, where that came from, what the gate said, and the raw entries. */
import { exact, exactUsd, count, took } from "../../data/format";
import { agentLink } from "../../data/router";
import type { Entry, Story } from "../../data/types";
import { Json } from "../../ui/json";
import { useState } from "preact/hooks";
import { GitFork } from "lucide-preact";
import { Button } from "../../ui/controls";
import { Fork } from "./saying";
import type { Step } from "./steps";

export function Inspector({ address, story, step }: { address: string; story: Story; step: Step | undefined }) {
  return (
    <aside class="inspector" aria-label="Details">
      {step ? <OfStep key={step.seq} address={address} turn={story.line.turn} step={step} /> : <OfInput address={address} story={story} />}
    </aside>
  );
}

function OfInput({ address, story }: { address: string; story: Story }) {
  const { line, cause } = story;
  return (
    <>
      <h2>
        {line.handler} <span class="faint">turn {line.turn}</span>
      </h2>
      <dl class="facts">
        <Fact name="From">{line.sender || "unknown"}</Fact>
        {cause && (
          <Fact name="Caused by">
            <a class="link mono" href={agentLink(cause.agent, { turn: cause.turn })}>
              {cause.agent} turn {cause.turn} step {cause.path}
            </a>
          </Fact>
        )}
        <Fact name="Began">{exact(line.began)}</Fact>
        {line.ended > 0 && (
          <Fact name="Ended">
            {exact(line.ended)} <span class="faint">after {took(line.ended - line.began)}</span>
          </Fact>
        )}
        {story.trace && (
          <Fact name="Trace">
            <span class="mono">{story.trace.slice(0, 12)}</span>
          </Fact>
        )}
        <Labels labels={story.labels} />
      </dl>
      <p class="to-causes">
        <a class="link" href={`/causality?agent=${encodeURIComponent(address)}&turn=${line.turn}`}>
          Causes and effects
        </a>
      </p>
      <h3>Arguments</h3>
      {story.args.length + Object.keys(story.kwargs).length ? <Json value={{ ...Object.fromEntries(story.args.map((a, n) => [String(n), a])), ...story.kwargs }} /> : <p class="faint">None, or its message is forgotten already.</p>}
    </>
  );
}

const AROUND_MS = 15_000;

/** The lanes of everybody about a step. */
function around(address: string, turn: number, step: Step): string {
  const query = new URLSearchParams({ agent: address, turn: String(turn), path: step.path, from: String(step.began - AROUND_MS), to: String((step.ended || step.began) + AROUND_MS) });
  return `/causality?${query.toString()}`;
}

const RUNS = new Set(["step", "intent", "result"]);

function OfStep({ address, turn, step }: { address: string; turn: number; step: Step }) {
  const asked = step.entries[0] as Entry;
  const [forking, setForking] = useState(false);
  const heard = (step.detail as { heard?: { by: string; text: string }[] } | null)?.heard ?? [];
  return (
    <>
      <h2>
        {step.verb} <span class="mono">{step.name}</span>
      </h2>
      {step.error && <p class="inspector-error">{step.error}</p>}
      <dl class="facts">
        <Fact name="Place">
          step {step.path || "–"} <span class="faint">entry {step.entries.map((e) => e.seq).join(", ")}</span>
        </Fact>
        <Fact name="At">{exact(step.began)}</Fact>
        <Fact name="Took">{step.ended ? took(step.ended - step.began) : "not over yet"}</Fact>
        {step.attempts > 1 && <Fact name="Attempts">{step.attempts}</Fact>}
        {step.cost && (
          <Fact name="Model">
            {step.cost.model} <span class="faint">on {step.cost.target}</span>
          </Fact>
        )}
        {step.cost && (
          <Fact name="Cost">
            {exactUsd(step.cost.usd)} <span class="faint">{count(step.cost.input)} in, {count(step.cost.output)} out</span>
          </Fact>
        )}
        <NotTold detail={step.detail} />
        <OtherAgent detail={step.detail} />
        <Labels labels={step.labels} />
      </dl>
      {heard.map((word, n) => (
        <blockquote key={n} class="heard">
          <b>{word.by}</b> {word.text}
        </blockquote>
      ))}
      {step.path && RUNS.has(asked.kind) && (
        <Button kind="ghost" icon={<GitFork size={14} class="icon" />} onClick={() => setForking(true)}>
          Fork before this step
        </Button>
      )}
      <p class="to-causes">
        <a class="link" href={around(address, turn, step)}>
          What others did around this
        </a>
      </p>
      {forking && <Fork address={address} turn={turn} before={step.path} close={() => setForking(false)} />}
      {step.decision !== undefined && step.decision !== null && (
        <>
          <h3>Decision of the gate</h3>
          <Json value={step.decision} />
        </>
      )}
      {step.verb === "model" ? <Said value={step.value} /> : null}
      {step.detail !== null && step.detail !== undefined && (
        <>
          <h3>{step.verb === "model" ? "Context and route" : "Given"}</h3>
          <Json value={step.detail} open={step.verb !== "model"} />
        </>
      )}
      {step.verb !== "model" && step.ended > 0 && (
        <>
          <h3>Came back</h3>
          <Json value={step.value} />
        </>
      )}
      <details class="raw">
        <summary>Raw entries</summary>
        <pre class="mono" tabIndex={0} aria-label="Raw entries">{step.entries.map((e) => JSON.stringify(e, null, 2)).join("\n")}</pre>
        <p class="faint">
          <code>
            holdfast journal {address} --after {Math.max(0, asked.seq - 1)} -o json
          </code>
        </p>
      </details>
    </>
  );
}

/** What of the request the model's vendor has no words for, so that it was not told. */
function NotTold({ detail }: { detail: unknown }) {
  const lost = (detail as { facts?: { lost?: string[] } } | null)?.facts?.lost ?? [];
  return lost.length ? <Fact name="Not told">{lost.join(", ")}</Fact> : null;
}

interface Part {
  type: string;
  text?: string;
  name?: string;
  arguments?: string;
}

function Said({ value }: { value: unknown }) {
  const parts = (value as { parts?: Part[] } | null)?.parts ?? [];
  return (
    <>
      <h3>Said</h3>
      <div class="said">
        {parts.map((part, n) =>
          part.type === "call" ? (
            <p key={n} class="mono">
              {part.name}({part.arguments})
            </p>
          ) : (
            <p key={n} class={part.type === "thinking" ? "dim" : ""}>
              {part.text}
            </p>
          ),
        )}
      </div>
    </>
  );
}

function OtherAgent({ detail }: { detail: unknown }) {
  const to = (detail as { to?: unknown } | null)?.to;
  if (typeof to !== "string" || !to.includes("/")) return null;
  const address = to.replace(/^default\//, "");
  return (
    <Fact name="To">
      <a class="link mono" href={agentLink(address)}>
        {address}
      </a>
    </Fact>
  );
}

function Labels({ labels }: { labels: string[] }) {
  if (!labels.length) return null;
  return (
    <Fact name="Made from">
      <span class="tags">
        {labels.map((label) => (
          <span key={label} class={label === "untrusted" ? "tag warn" : "tag"}>
            {label.replace("agent:default/", "agent:")}
          </span>
        ))}
      </span>
    </Fact>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
