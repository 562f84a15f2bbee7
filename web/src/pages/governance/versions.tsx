/** All versions of a resource, and what is different between any two of them. */
import { useState } from "preact/hooks";
import { Undo2 } from "lucide-preact";
import { cli } from "../../data/cli";
import { ago, exact, moment, plural } from "../../data/format";
import { now } from "../../data/live";
import { place, setQuery } from "../../data/router";
import { Cli } from "../../ui/command";
import { Button, Trouble, Waiting } from "../../ui/controls";
import { Allowed, allowed } from "../../ui/may";
import { useCall } from "../../ui/use";
import { Comparison } from "./comparison";
import type { Diff, Resource } from "./types";

interface Props {
  of: { kind: string; name: string; tenant: string };
  history: Resource[];
  inFiles: boolean;
  back: (version: number) => void;
}

export function Versions({ of, history, inFiles, back }: Props) {
  const newest = (history[0] as Resource).version;
  const after = Number(place.value.query.get("after")) || newest;
  const before = Number(place.value.query.get("before")) || (history.find((v) => v.version < after)?.version ?? 0);
  const pick = (parts: { before?: number; after?: number }): void => setQuery(Object.fromEntries(Object.entries(parts).map(([k, v]) => [k, String(v)])));
  const scope = inFiles ? "configure" : "*";
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Versions">
        <table class="table versions">
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">Why</th>
              <th scope="col">Compare</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {history.map((v) => (
              <tr key={v.version} aria-current={v.version === newest ? "true" : undefined}>
                <td class="num">
                  {v.version}
                  {v.version === newest && <span class="tag"> in force</span>}
                  {v.deleted && <span class="tag bad">deleted</span>}
                </td>
                <td class="num" title={exact(v.at)}>
                  {moment(v.at)} <span class="faint">{ago(now() - v.at)} ago</span>
                </td>
                <td>{v.author}</td>
                <td class="wrap">{v.reason || <span class="faint">no reason given</span>}</td>
                <td>
                  <div class="segments" role="group" aria-label={`Compare version ${v.version}`}>
                    <button type="button" aria-pressed={v.version === before} disabled={v.version >= after} onClick={() => pick({ before: v.version })}>
                      from
                    </button>
                    <button type="button" aria-pressed={v.version === after} onClick={() => pick({ after: v.version, ...(before >= v.version && { before: 0 }) })}>
                      to
                    </button>
                  </div>
                </td>
                <td class="right">
                  {v.version !== newest && allowed(scope, of.tenant === "") && (
                    <Button kind="ghost" icon={<Undo2 size={14} class="icon" />} aria-label={`Roll back to version ${v.version}`} onClick={() => back(v.version)}>
                      Roll back
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {history.length > 1 && (
        <Allowed scope={scope} to="roll back" everyTenant={of.tenant === ""}>
          {null}
        </Allowed>
      )}
      <Between of={of} before={before} after={after} />
    </>
  );
}

function Between({ of, before, after }: { of: Props["of"]; before: number; after: number }) {
  const { value, error, again } = useCall<Diff>("resource_diff", { ...of, before, after });
  const [beside, setBeside] = useState(false);
  const changed = value?.lines.filter((l) => l.mark !== " ").length ?? 0;
  return (
    <section class="stack" aria-label="Differences">
      <div class="section-head">
        <h2>{before ? `From version ${before} to ${after}` : `Version ${after}, the first`}</h2>
        {value && <span class="faint">{plural(changed, "line differs", "lines differ")}</span>}
        <div class="end">
          <div class="segments desk-only" role="group" aria-label="How differences are shown">
            <button type="button" aria-pressed={!beside} onClick={() => setBeside(false)}>
              One below the other
            </button>
            <button type="button" aria-pressed={beside} onClick={() => setBeside(true)}>
              Side by side
            </button>
          </div>
        </div>
      </div>
      {error !== undefined ? <Trouble error={error} again={again} /> : value ? <Comparison lines={value.lines} beside={beside} /> : <Waiting rows={5} />}
      <Cli command={cli.history(`${of.kind}/${of.name}`, before, after)} />
    </section>
  );
}
