/** Why the gate said what it said: the action, the rules that spoke then, and what each rule in force makes of it now. */
import { ArrowLeft } from "lucide-preact";
import { cli } from "../../data/cli";
import { exact, plural } from "../../data/format";
import { agentLink, setQuery } from "../../data/router";
import { Cli } from "../../ui/command";
import { Button, Trouble, Waiting } from "../../ui/controls";
import { Json } from "../../ui/json";
import { useCall } from "../../ui/use";
import { links } from "./links";
import { Outcome, outcomeWord } from "./parts";
import type { Decision, Why } from "./types";

export function WhyShown({ of: d }: { of: Decision }) {
  const why = useCall<Why>("why", { address: d.address, turn: d.turn, path: d.path });
  const w = why.value && why.value.turn === d.turn && why.value.path === d.path && short(why.value.address) === d.address ? why.value : undefined;
  return (
    <article class="question why">
      <header>
        <span class="phone-only">
          <Button kind="ghost" icon={<ArrowLeft size={15} class="icon" />} aria-label="Back to all decisions" onClick={() => setQuery({ item: "" })} />
        </span>
        <Outcome outcome={d.outcome} />
        <a class="link mono" href={agentLink(d.address, { turn: d.turn, entry: d.seq })}>
          {d.address}#{d.turn}.{d.path}
        </a>
        <span class="faint num">{exact(d.at)}</span>
      </header>
      <h2 class="question-text">
        {d.verb} {d.name}
        {d.to && <span class="dim"> to {d.to}</span>}
      </h2>
      <dl class="facts">
        <div>
          <dt>Because</dt>
          <dd>{d.reasons.length ? d.reasons.map((r) => <p key={r}>{r}</p>) : "no rule gave a reason"}</dd>
        </div>
        <div>
          <dt>Rules</dt>
          <dd class="tags">{d.rules.length ? d.rules.map((r) => <RuleTag key={r} rule={r} />) : "none spoke"}</dd>
        </div>
        {d.by.length > 0 && (
          <div>
            <dt>By</dt>
            <dd>{d.by.map(short).join(", ")}</dd>
          </div>
        )}
        <div>
          <dt>Made from</dt>
          <dd class="tags">{(w?.labels ?? d.labels).length ? (w?.labels ?? d.labels).map((l) => <span key={l} class="tag mono">{l}</span>) : "nothing that was read"}</dd>
        </div>
        {d.error && (
          <div>
            <dt>Ended</dt>
            <dd>{d.error}</dd>
          </div>
        )}
      </dl>
      {why.error !== undefined && !w ? <Trouble error={why.error} again={why.again} /> : w ? <Told why={w} /> : <Waiting rows={4} />}
      <Cli command={cli.why(d.address, d.turn, d.path)} />
    </article>
  );
}

function Told({ why: w }: { why: Why }) {
  const about = w.considered.filter((c) => c.said !== "not about this");
  const aside = w.considered.length - about.length;
  return (
    <>
      {Object.keys(w.args).length > 0 && (
        <section class="stack" aria-label="What it was to do">
          <h3>What it was to do</h3>
          <Json value={w.args} />
        </section>
      )}
      <section class="stack" aria-label="What the rules in force now make of it">
        <h3>
          The rules in force now: <Outcome outcome={w.now} />
        </h3>
        {about.length > 0 ? (
          <ul class="considered">
            {about.map((c) => (
              <li key={c.rule} data-said={c.said}>
                <span class={c.said === "matched" ? "tag warn" : c.said === "error" ? "tag bad" : "tag"}>{c.said}</span>
                <span>
                  <RuleName rule={c.rule} /> <span class="faint">then {outcomeWord(c.then)}</span>
                  {c.why && <span class="considered-why dim">{c.why}</span>}
                </span>
              </li>
            ))}
          </ul>
        ) : (
          <p class="dim">No rule is about this action.</p>
        )}
        {aside > 0 && <p class="faint">{plural(aside, "other rule is", "other rules are")} not about it.</p>}
        <p class="faint">A journal does not tell {w.unseen}.</p>
      </section>
    </>
  );
}

function RuleTag({ rule }: { rule: string }) {
  return (
    <a class="tag" href={links.decisions({ rule })} title="Decisions of this rule">
      {rule}
    </a>
  );
}

function RuleName({ rule }: { rule: string }) {
  const [policy = "", name] = rule.split("/");
  if (!name) return <b>{rule}</b>;
  return (
    <a class="link" href={links.policy(policy)}>
      {rule}
    </a>
  );
}

function short(address: string): string {
  return address.replace(/^default\//, "");
}
