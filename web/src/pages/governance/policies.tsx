/** The policies in force, and whether what their tests say is so. */
import { count } from "../../data/format";
import { cli } from "../../data/cli";
import { Cli } from "../../ui/command";
import { Allowed } from "../../ui/may";
import { useCall } from "../../ui/use";
import { links } from "./links";
import { Part, Table } from "./parts";
import type { Policy, Tested } from "./types";

export function Policies() {
  const policies = useCall<Policy[]>("policies", {});
  const tested = useCall<Tested[]>("test_policy", {});
  return (
    <div class="body">
      <div class="page">
        <Part
          title="Policies in force"
          answer={policies}
          action={
            <Allowed scope="configure" to="apply policies">
              <a class="button" href={links.propose()}>
                Propose a change
              </a>
            </Allowed>
          }
          none={
            <>
              None is loaded: every action is allowed that budgets and breakers allow. A policy says who may do what, and what else happens then; <code>holdfast policy --help</code> shows how to check, test and try one.
            </>
          }
        >
          {(rows) => (
            <Table head={["Policy", "Tests", "What it is for", "Rules", "Otherwise"]}>
              {rows.map((p) => (
                <tr key={p.name}>
                  <td class="mono">
                    <a class="link" href={links.policy(p.name)}>
                      {p.name}
                    </a>
                  </td>
                  <td>
                    <Results tests={p.tests} of={(tested.value ?? []).filter((t) => t.policy === p.name)} known={tested.value !== undefined} />
                  </td>
                  <td class="wrap">
                    {p.description || <span class="faint">It does not say</span>}
                    <div class="tags">{p.rules.slice(0, 12).map((r) => <span key={r} class="tag">{r}</span>)}</div>
                  </td>
                  <td class="num">{count(p.rules.length)}</td>
                  <td>{p.default}</td>
                </tr>
              ))}
            </Table>
          )}
        </Part>
        <Cli command={cli.policyTest("")} />
      </div>
    </div>
  );
}

export function Results({ tests, of, known }: { tests: number; of: Tested[]; known: boolean }) {
  if (!tests) return <span class="tag warn">no tests</span>;
  if (!known) return <span class="num faint">{count(tests)}</span>;
  const failed = of.filter((t) => !t.passed).length;
  if (failed) return <span class="tag bad">{failed} of {of.length} fail</span>;
  return <span class="tag good">✓ {of.length} pass</span>;
}
