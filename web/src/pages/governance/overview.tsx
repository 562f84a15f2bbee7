/** At a glance: what drifts, which tests fail, what is switched off, what is signed and kept, which code runs. */
import { useState } from "preact/hooks";
import { count, moment, plural } from "../../data/format";
import { Cli } from "../../ui/command";
import { Button } from "../../ui/controls";
import { Allowed } from "../../ui/may";
import { useCall } from "../../ui/use";
import { Reset, Trip } from "./breaking";
import { links } from "./links";
import { Part, Table } from "./parts";
import type { Decisions, Policy, Resource, Tested } from "./types";

export interface Breaker {
  name: string;
  scope: string;
  what: string;
  state: string;
  action: string;
  reason: string;
  by: string;
  at: number;
}
interface Hold {
  what: string;
  reason: string;
  by: string;
  at: number;
}
interface Root {
  number: number;
  at: number;
  root: string;
  entries: number;
  total: number;
  key: string;
}
interface Version {
  name: string;
  version: string;
  published: number;
  open_turns: number;
  loaded: boolean;
  latest: boolean;
}

export function Overview() {
  const breakers = useCall<Breaker[]>("breakers", {});
  const holds = useCall<Hold[]>("holds", {});
  const roots = useCall<Root[]>("audit_roots", { limit: 1000 });
  const versions = useCall<Version[]>("versions", {});
  const [tripping, setTripping] = useState(false);
  const [resetting, setResetting] = useState<Breaker>();
  return (
    <div class="body">
      <div class="page">
        <Figures />
        <Part
          title="Breakers and kill switches"
          answer={breakers}
          action={
            <Allowed scope="steer" to="switch something off">
              <Button kind="danger" onClick={() => setTripping(true)}>
                Switch something off
              </Button>
            </Allowed>
          }
          none={<>All are closed. A breaker stops an agent, a tool, a tenant or everything at once, before the next effect of every turn.</>}
        >
          {(rows) => (
            <Table head={["What", "State", "It does", "Why", "By", "Since", ""]}>
              {rows.map((b) => (
                <tr key={b.name}>
                  <td class="mono">{b.scope} {b.what}</td>
                  <td><span class={`chip outcome tone-${b.state === "open" ? "trouble" : "person"}`}>{b.state}</span></td>
                  <td>{b.action}</td>
                  <td class="wrap">{b.reason}</td>
                  <td>{b.by}</td>
                  <td class="num">{moment(b.at)}</td>
                  <td class="right">
                    <Allowed scope="steer" to="switch it on">
                      <Button onClick={() => setResetting(b)} aria-label={`Switch ${b.name} on again`}>Switch on</Button>
                    </Allowed>
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </Part>
        <Part title="Audit" answer={roots} none={<>Nothing is sealed yet. Every entry is hash-chained already; <code>holdfast audit --help</code> shows how signed roots leave this machine and how they are verified without it.</>}>
          {(rows) => (
            <>
              <p>
                {plural(rows.length, "signed root")} over {count(rows.at(-1)?.total ?? 0)} entries, the last at {moment(rows.at(-1)?.at ?? 0)}.
              </p>
              <Table head={["Root", "At", "Entries", "Hash", "Key"]}>
                {rows.slice(-10).reverse().map((r) => (
                  <tr key={r.number}>
                    <td class="num">{r.number}</td>
                    <td class="num">{moment(r.at)}</td>
                    <td class="num">{count(r.entries)}</td>
                    <td class="mono">{r.root.slice(0, 16)}</td>
                    <td class="mono">{r.key.slice(0, 12)}</td>
                  </tr>
                ))}
              </Table>
              <p class="faint">
                What is exported is verified without this server, its store or a network: every entry, every hash, every signature.
              </p>
              <Cli command="holdfast audit export proof/ && holdfast audit verify proof/" />
            </>
          )}
        </Part>
        <Part title="Legal holds" answer={holds} none={<>None: retention may forget what ended long ago.</>}>
          {(rows) => (
            <Table head={["What", "Why", "By", "Since"]}>
              {rows.map((h) => (
                <tr key={h.what}>
                  <td class="mono">{h.what}</td>
                  <td class="wrap">{h.reason}</td>
                  <td>{h.by}</td>
                  <td class="num">{moment(h.at)}</td>
                </tr>
              ))}
            </Table>
          )}
        </Part>
        <Part title="Versions of agents' code" answer={versions} none={<>No agent is published.</>}>
          {(rows) => (
            <Table head={["Agent", "Version", "Published", "Open turns", ""]}>
              {rows.filter((v) => !v.name.startsWith("holdfast.")).slice(0, 60).map((v) => (
                <tr key={v.name + v.version}>
                  <td class="mono">{v.name}</td>
                  <td class="mono">{v.version}</td>
                  <td class="num">{moment(v.published)}</td>
                  <td class="num">{count(v.open_turns)}</td>
                  <td>{v.latest ? <span class="tag">newest</span> : v.loaded ? <span class="tag warn">still needed</span> : ""}</td>
                </tr>
              ))}
            </Table>
          )}
        </Part>
        {tripping && <Trip close={() => setTripping(false)} done={breakers.again} />}
        {resetting && <Reset breaker={resetting} close={() => setResetting(undefined)} done={breakers.again} />}
      </div>
    </div>
  );
}

/** What to look at first, each a link to where it is looked at. */
function Figures() {
  const resources = useCall<Resource[]>("resources", {});
  const drift = useCall<Resource[]>("drift", {});
  const policies = useCall<Policy[]>("policies", {});
  const tested = useCall<Tested[]>("test_policy", {});
  const decisions = useCall<Decisions>("decisions", { outcomes: ["deny"], limit: 100 });
  const failed = tested.value?.filter((t) => !t.passed).length ?? 0;
  const off = drift.value?.length ?? 0;
  const denied = decisions.value?.found.length ?? 0;
  const rules = policies.value?.reduce((n, p) => n + p.rules.length, 0) ?? 0;
  return (
    <div class="figures">
      <Figure href={links.resources()} word="Resources" value={resources.value && count(resources.value.length)} more="declared, each with versions" />
      <Figure href={links.resources({ drift: "1" })} word="Drift" value={drift.value && count(off)} more={off ? "not as it was declared" : "all is as it was declared"} bad={off > 0} />
      <Figure href={links.policies} word="Policies" value={policies.value && count(policies.value.length)} more={tested.value ? (failed ? `${plural(failed, "test fails", "tests fail")}` : `${plural(rules, "rule")}, ${plural(tested.value.length, "test")} pass`) : " "} bad={failed > 0} />
      <Figure href={links.decisions({ outcome: "deny" })} word="Denied of late" value={decisions.value && `${count(denied)}${decisions.value.before > 0 ? "+" : ""}`} more="with the rule and its reason" />
    </div>
  );
}

function Figure({ href, word, value, more, bad = false }: { href: string; word: string; value: string | undefined; more: string; bad?: boolean }) {
  return (
    <a class="figure" href={href}>
      <span class="dim">{word}</span>
      <b class="num">{value ?? "–"}</b>
      <span class={bad ? "figure-bad" : "faint"}>{more}</span>
    </a>
  );
}
