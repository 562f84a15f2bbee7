/** What bounds the agents: policies and their tests, breakers and kill switches, signed roots of the audit, versions of code. */
import { ShieldCheck } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { count, moment, plural } from "../../data/format";
import { Trouble, Waiting } from "../../ui/controls";
import { useCall, type Answer } from "../../ui/use";

interface Policy {
  name: string;
  description: string;
  rules: string[];
  tests: number;
  default: string;
}
interface Breaker {
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

export function GovernancePage() {
  const policies = useCall<Policy[]>("policies", {});
  const breakers = useCall<Breaker[]>("breakers", {});
  const holds = useCall<Hold[]>("holds", {});
  const roots = useCall<Root[]>("audit_roots", { limit: 1000 });
  const versions = useCall<Version[]>("versions", {});
  return (
    <>
      <header class="head">
        <h1>Governance</h1>
      </header>
      <div class="body">
        <div class="page">
          <Part title="Policies" answer={policies} none={<>None is loaded: every action is allowed that budgets and breakers allow. <code>holdfast policy --help</code> shows how to check, try and explain one.</>}>
            {(rows) => (
              <Table head={["Policy", "What it is for", "Rules", "Tests", "Otherwise"]}>
                {rows.map((p) => (
                  <tr key={p.name}>
                    <td class="mono">{p.name}</td>
                    <td class="wrap">
                      {p.description}
                      <div class="tags">{p.rules.slice(0, 12).map((r) => <span key={r} class="tag mono">{r}</span>)}</div>
                    </td>
                    <td class="num">{p.rules.length}</td>
                    <td class="num">{p.tests ? count(p.tests) : <span class="tag warn">none</span>}</td>
                    <td>{p.default}</td>
                  </tr>
                ))}
              </Table>
            )}
          </Part>
          <Part title="Breakers and kill switches" answer={breakers} none={<>All are closed. <code>holdfast breaker trip</code> stops an agent, a tool, a tenant or everything at once.</>}>
            {(rows) => (
              <Table head={["What", "State", "It does", "Why", "By", "Since"]}>
                {rows.map((b) => (
                  <tr key={b.name}>
                    <td class="mono">{b.scope} {b.what}</td>
                    <td><span class={`chip tone-${b.state === "open" ? "trouble" : "person"}`}>{b.state}</span></td>
                    <td>{b.action}</td>
                    <td class="wrap">{b.reason}</td>
                    <td>{b.by}</td>
                    <td class="num">{moment(b.at)}</td>
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
        </div>
      </div>
    </>
  );
}

function Part<T>({ title, answer, none, children }: { title: string; answer: Answer<T[]>; none: ComponentChildren; children: (rows: T[]) => ComponentChildren }) {
  const { value, error, again } = answer;
  return (
    <section class="stack" aria-label={title}>
      <h2>{title}</h2>
      {error !== undefined && !value && <Trouble error={error} again={again} />}
      {!value && error === undefined && <Waiting rows={3} />}
      {value && (value.length ? children(value) : <p class="dim prose-line"><ShieldCheck size={15} class="icon" /><span>{none}</span></p>)}
    </section>
  );
}

function Table({ head, children }: { head: string[]; children: ComponentChildren }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Table by ${head[0]}`}>
      <table class="table">
        <thead>
          <tr>{head.map((h) => (h ? <th scope="col" key={h}>{h}</th> : <td key="none" />))}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

