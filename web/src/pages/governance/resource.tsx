/** One resource: what is in force, what drifts, who changed it when and why, and the way back. */
import { useEffect, useState } from "preact/hooks";
import { Download, Pencil } from "lucide-preact";
import { Problem } from "../../data/api";
import { cli } from "../../data/cli";
import { ago, exact, plural } from "../../data/format";
import { now } from "../../data/live";
import { go, place, setQuery } from "../../data/router";
import { Cli } from "../../ui/command";
import { Button, Empty, Trouble, Waiting } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { useActions } from "../../ui/palette";
import { useCall } from "../../ui/use";
import { Document } from "./document";
import { links } from "./links";
import { Fields } from "./parts";
import { Rollback } from "./rollback";
import { save } from "./saving";
import type { Kind, Resource } from "./types";
import { Versions } from "./versions";

export function ResourcePage({ kind, name, tenant }: { kind: string; name: string; tenant: string }) {
  const at = { kind, name, tenant };
  const found = useCall<Resource>("resource", at);
  const history = useCall<Resource[]>("resource_history", at);
  const kinds = useCall<Kind[]>("kinds", {});
  const [back, setBack] = useState(0);
  const gone = history.value?.[0]?.deleted === true;
  const here = gone ? undefined : found.value;
  const tab = place.value.query.get("tab") === "versions" || gone ? "versions" : "document";
  const inFiles = kinds.value?.find((k) => k.kind === kind)?.in_files ?? false;
  const all = { again: (): void => (found.again(), history.again()) };
  const edit = (): void => go(links.propose(at));
  const show = (to: string): void => setQuery({ tab: to, before: "", after: "" });
  useKeys({ ...(inFiles && { e: edit }), v: () => show(tab === "versions" ? "" : "versions"), Escape: () => go(links.resources()) });
  useActions(inFiles ? [{ name: `Edit ${kind}/${name}`, hint: "e", run: edit }] : [], kind + name + String(inFiles));
  useEffect(() => {
    if (found.value && history.value && history.value[0] && history.value[0].version !== found.value.version) found.again();
  }, [history.value]);
  if (!history.value && history.error !== undefined) return <Unknown error={history.error} kind={kind} name={name} again={all.again} />;
  return (
    <div class="body">
      <div class="page">
        <div class="section-head">
          <nav class="crumbs" aria-label="Where this is">
            <a class="link" href={links.resources()}>Resources</a>
            <span class="faint" aria-hidden="true">/</span>
            <a class="link" href={links.resources({ kind })}>{kind}</a>
            <span class="faint" aria-hidden="true">/</span>
            <h2 class="mono">{name}</h2>
            {tenant && <span class="tag">{tenant}</span>}
          </nav>
          <div class="end acting">
            {here && (
              <Button title="Keep it as a YAML file" icon={<Download size={14} class="icon" />} onClick={() => save(`${name}.yaml`, here.text)}>
                Export
              </Button>
            )}
            {here && inFiles && (
              <Button kind="primary" icon={<Pencil size={14} class="icon" />} hint="e" onClick={edit}>
                Edit
              </Button>
            )}
          </div>
        </div>
        {history.value ? <Facts newest={history.value[0] as Resource} /> : <Waiting rows={2} />}
        {here && <Drift of={here} />}
        <div class="segments" role="group" aria-label="What is shown">
          <button type="button" aria-pressed={tab === "document"} disabled={gone} onClick={() => show("")}>
            Document
          </button>
          <button type="button" aria-pressed={tab === "versions"} onClick={() => show("versions")}>
            {history.value ? plural(history.value.length, "version") : "Versions"} <kbd>v</kbd>
          </button>
        </div>
        {tab === "versions" && history.value ? (
          <Versions of={at} history={history.value} back={setBack} inFiles={inFiles} />
        ) : here ? (
          <>
            <Document text={here.text} label={`${kind} ${name} as YAML`} />
            <Cli command={cli.get(`${kind}/${name}`)} />
          </>
        ) : (
          <Waiting rows={8} />
        )}
        {back > 0 && <Rollback of={at} version={back} close={() => setBack(0)} done={all.again} />}
      </div>
    </div>
  );
}

function Facts({ newest }: { newest: Resource }) {
  const facts: [string, string, string?][] = [
    ["Version", `${newest.version} (revision ${newest.revision})`],
    ["Changed", `${ago(now() - newest.at)} ago`, exact(newest.at)],
    ["By", newest.author || "nobody who is known"],
    ["Why", newest.reason || "no reason given"],
    ["Files", newest.managed ? `set ${newest.managed}` : "none describes it"],
  ];
  const labels = Object.entries(newest.labels);
  return (
    <dl class="facts resource-facts">
      {newest.deleted && <p class="heard">It was deleted. Its versions stay, and it can be put back to one of them.</p>}
      {facts.map(([word, what, title]) => (
        <div key={word}>
          <dt>{word}</dt>
          <dd title={title}>{what}</dd>
        </div>
      ))}
      {labels.length > 0 && (
        <div>
          <dt>Labels</dt>
          <dd class="tags">{labels.map(([k, v]) => <span key={k} class="tag mono">{k}: {v}</span>)}</dd>
        </div>
      )}
    </dl>
  );
}

function Drift({ of: r }: { of: Resource }) {
  if (!r.drift.length && !r.strayed.length) return null;
  return (
    <section class="drift stack" aria-label="Drift">
      {r.drift.length > 0 && (
        <>
          <h3>What runs is not what was declared</h3>
          <Fields fields={r.drift} before="was declared" after="runs" />
          <p class="faint">Somebody changed it where it lives. Applying the document again with force puts it back; editing the document to say so keeps it.</p>
        </>
      )}
      {r.strayed.length > 0 && (
        <>
          <h3>What was declared since is not what the files say</h3>
          <Fields fields={r.strayed} before="the files say" after="was declared" />
          <p class="faint">
            {r.author} changed it{r.reason ? ` (${r.reason})` : ""}. It stays so, and every plan shows it, until the files say so, too.
          </p>
        </>
      )}
      <Cli command={cli.get("", true)} />
    </section>
  );
}

function Unknown({ error, kind, name, again }: { error: unknown; kind: string; name: string; again: () => void }) {
  if (!(error instanceof Problem) || error.status !== 404) return <Trouble error={error} again={again} />;
  return (
    <Empty title={`There is no ${kind} ${name}`}>
      <p>Nobody declared one that you can see. Its name may be spelled otherwise, or it belongs to a tenant that is not yours.</p>
      <p>
        <a href={links.resources({ kind })}>All of kind {kind}</a>
      </p>
    </Empty>
  );
}
