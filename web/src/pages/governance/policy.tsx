/** One policy: its rules, its tests and what becomes of them, and what it would have said about what was done of late. */
import { useState } from "preact/hooks";
import { call, Problem } from "../../data/api";
import { cli } from "../../data/cli";
import { count, inline, moment, plural } from "../../data/format";
import { agentLink, go } from "../../data/router";
import { Cli } from "../../ui/command";
import { Button, Empty, Trouble, Waiting } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { useCall } from "../../ui/use";
import { links } from "./links";
import { Outcome, outcomeWord, Table } from "./parts";
import { Results } from "./policies";
import type { DryRun, Judged, Policy, Resource, Tested } from "./types";

const SPANS: [string, number][] = [["1d", 86_400_000], ["7d", 7 * 86_400_000], ["30d", 30 * 86_400_000]];
const SPAN_WORDS: Record<string, string> = { "1d": "the last day", "7d": "the last week", "30d": "the last 30 days" };
const SHOWN = 100;

export function PolicyPage({ name }: { name: string }) {
  const policy = useCall<Policy>("policy", { name });
  const tested = useCall<Tested[]>("test_policy", policy.value ? { name } : undefined);
  const resources = useCall<Resource[]>("resources", { kind: "Policy" });
  const resource = resources.value?.find((r) => r.name === name);
  useKeys({ Escape: () => go(links.policies), t: tested.again });
  if (policy.error !== undefined && !policy.value) return <Missing error={policy.error} name={name} again={policy.again} />;
  const p = policy.value;
  if (!p) return <Waiting />;
  return (
    <div class="body">
      <div class="page">
        <div class="section-head">
          <nav class="crumbs" aria-label="Where this is">
            <a class="link" href={links.policies}>Policies</a>
            <span class="faint" aria-hidden="true">/</span>
            <h2 class="mono">{name}</h2>
          </nav>
          <div class="end acting">
            <a class="button" href={links.decisions({ rule: `${name}/` })}>Its decisions</a>
            {resource && <a class="button" href={links.resource(resource)}>Document and versions</a>}
          </div>
        </div>
        <p class="dim">
          {p.description || "It does not say what it is for."} What no rule is about is {p.default === "allow" ? "allowed" : `met with ${p.default}`}.
          {p.source && !resource && <> It comes from <code>{p.source}</code>, and changes with that file.</>}
        </p>
        <Rules policy={p} />
        <section class="stack" aria-label="Tests">
          <div class="section-head">
            <h2>Tests</h2>
            <Results tests={p.tests} of={tested.value ?? []} known={tested.value !== undefined} />
            <div class="end">{p.tests > 0 && <Button hint="t" onClick={tested.again}>Run again</Button>}</div>
          </div>
          {tested.error !== undefined ? <Trouble error={tested.error} again={tested.again} /> : <Tests tests={tested.value} none={p.tests === 0} />}
          <Cli command={cli.policyTest(name)} />
        </section>
        <LookBack policy={p} />
      </div>
    </div>
  );
}

function Rules({ policy }: { policy: Policy }) {
  return (
    <section class="stack" aria-label="Rules">
      <h2>Rules</h2>
      <Table head={["Rule", "Is about", "When", "Then", "Because"]}>
        {(policy.spec?.rules ?? []).map((r) => (
          <tr key={String(r.name)}>
            <td class="wrap narrow">{String(r.name)}</td>
            <td class="mono">{inline(r.does ?? "", 80)}</td>
            <td class="mono wrap">{conditions(r)}</td>
            <td>
              <Outcome outcome={String(r.then ?? "deny")} />
            </td>
            <td class="wrap">{String(r.reason ?? "")}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

/** What a rule asks for, in its own words. */
function conditions(rule: Record<string, unknown>): string {
  const aside = new Set(["name", "does", "then", "reason", "approval", "transform"]);
  return Object.entries(rule)
    .filter(([word]) => !aside.has(word))
    .map(([word, value]) => (word === "when" && typeof value === "string" ? value : `${word}: ${inline(value, 200)}`))
    .join("; ");
}

function Tests({ tests, none }: { tests: Tested[] | undefined; none: boolean }) {
  if (none) {
    return (
      <p class="dim">
        There are none. A test beside a policy gives an action and says what has to come out; a policy whose tests fail cannot be applied. <code>docs/policies.md</code> shows how to write one.
      </p>
    );
  }
  if (!tests) return <Waiting rows={3} />;
  return (
    <ul class="tests">
      {tests.map((t) => (
        <li key={t.test} class={t.passed ? undefined : "bad"}>
          <span class={t.passed ? "tag good" : "tag bad"}>{t.passed ? "✓ passed" : "✗ failed"}</span>
          <span>{t.test}</span>
          {t.problems.length > 0 && <pre class="document" tabIndex={0} role="region" aria-label={`What came instead: ${t.test}`}>{t.problems.join("\n")}</pre>}
        </li>
      ))}
    </ul>
  );
}

function LookBack({ policy }: { policy: Policy }) {
  const [span, setSpan] = useState("7d");
  const [agent, setAgent] = useState("");
  const [found, setFound] = useState<DryRun>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const look = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const back = SPANS.find(([word]) => word === span)?.[1] ?? 0;
    try {
      const text = JSON.stringify({ kind: "Policy", name: policy.name, spec: policy.spec });
      setFound(await call<DryRun>("dry_run_policy", { text, since: Date.now() - back, agent, limit: SHOWN }));
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return (
    <section class="stack" aria-label="Looking back">
      <h2>What would it have said?</h2>
      <form class="filters" onSubmit={(event) => void look(event)}>
        <select class="select" aria-label="How far back" value={span} onChange={(e) => setSpan(e.currentTarget.value)}>
          {SPANS.map(([word]) => (
            <option key={word} value={word}>{SPAN_WORDS[word]}</option>
          ))}
        </select>
        <label class="field grow">
          <span class="hidden-text">Only agents that begin with</span>
          <input placeholder="All agents, or those that begin with…" value={agent} onInput={(e) => setAgent(e.currentTarget.value)} />
        </label>
        <button type="submit" class="button primary" disabled={busy}>
          {busy ? "Looking through the journals…" : "Look back"}
        </button>
      </form>
      {error !== undefined && <Trouble error={error} />}
      {found && <LookedBack found={found} />}
      <Cli command={`${cli.policyDryRun(span, agent)}`} />
    </section>
  );
}

function LookedBack({ found }: { found: DryRun }) {
  const outcomes = Object.entries(found.outcomes).sort(([, a], [, b]) => b - a);
  const most = Math.max(1, ...Object.values(found.rules));
  if (!found.actions) return <p class="dim">Nothing was done in this time that rules could be about.</p>;
  return (
    <div class="stack" role="status">
      <div class="figures">
        {outcomes.map(([outcome, n]) => (
          <div key={outcome} class="figure">
            <span class="dim">would be {outcomeWord(outcome)}</span>
            <b class="num">{count(n)}</b>
            <span class="faint">of {plural(found.actions, "action")}</span>
          </div>
        ))}
      </div>
      {Object.keys(found.rules).length > 0 && (
        <ul class="rule-counts" aria-label="How often each rule would have spoken">
          {Object.entries(found.rules).map(([rule, n]) => (
            <li key={rule}>
              <span class="cut">{rule}</span>
              <span class="meter tone-work" aria-hidden="true"><i style={{ width: `${(n / most) * 100}%` }} /></span>
              <span class="num">{count(n)}</span>
            </li>
          ))}
        </ul>
      )}
      {found.found.length > 0 && (
        <Table head={["When", "Agent", "Action", "Would be", "Was", "Because"]} label="Actions that would not simply have been allowed">
          {found.found.map((j) => (
            <JudgedRow key={`${j.agent}#${j.turn}.${j.path}`} judged={j} />
          ))}
        </Table>
      )}
      {found.left_out > 0 && <p class="faint">{count(found.left_out)} more are left out here.</p>}
      <p class="faint">A journal does not tell {found.unseen}: what rules say about these may differ.</p>
    </div>
  );
}

function JudgedRow({ judged: j }: { judged: Judged }) {
  const address = j.agent.replace(/^default\//, "");
  return (
    <tr>
      <td class="num">{moment(j.at)}</td>
      <td class="mono">
        <a class="link" href={agentLink(address, { turn: j.turn })}>{address}</a>
      </td>
      <td>
        {j.verb} <span class="dim">{j.name}</span>
      </td>
      <td><Outcome outcome={j.outcome} /></td>
      <td class="dim">{outcomeWord(j.was)}</td>
      <td class="wrap">{j.reasons.join("; ")}</td>
    </tr>
  );
}

function Missing({ error, name, again }: { error: unknown; name: string; again: () => void }) {
  if (!(error instanceof Problem) || error.status !== 404) return <Trouble error={error} again={again} />;
  return (
    <Empty title={`No policy ${name} is in force here`}>
      <p>
        It was removed, or belongs to a tenant that is not yours. <a href={links.policies}>All that are in force</a>
      </p>
    </Empty>
  );
}
