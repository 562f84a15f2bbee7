/** What bounds the agents: what was declared, the rules, what they decided, and what switches everything off. */
import { place } from "../../data/router";
import { useKeys } from "../../ui/keys";
import { go } from "../../data/router";
import { Decisions } from "./decisions";
import { links, partsOf } from "./links";
import { Overview } from "./overview";
import { Policies } from "./policies";
import { PolicyPage } from "./policy";
import { Propose } from "./propose";
import { ResourcePage } from "./resource";
import { Resources } from "./resources";

const TABS: [string, string, string][] = [
  ["", "Overview", links.overview],
  ["resources", "Resources", links.resources()],
  ["policies", "Policies", links.policies],
  ["decisions", "Decisions", links.decisions()],
];

export function GovernancePage() {
  const [part = "", kind = "", name = ""] = partsOf(place.value.path);
  const tab = part === "propose" ? "resources" : part;
  useKeys(Object.fromEntries(TABS.map(([, , to], n) => [`${n + 1}`, () => go(to)])));
  return (
    <>
      <header class="head governance-head">
        <h1>Governance</h1>
        <nav class="segments" aria-label="Governance">
          {TABS.map(([id, word, to]) => (
            <a key={id} href={to} aria-current={tab === id ? "page" : undefined}>
              {word}
            </a>
          ))}
        </nav>
      </header>
      <Part part={part} kind={kind} name={name} />
    </>
  );
}

function Part({ part, kind, name }: { part: string; kind: string; name: string }) {
  if (part === "resources" && kind && name) return <ResourcePage key={kind + name} kind={kind} name={name} tenant={place.value.query.get("tenant") ?? ""} />;
  if (part === "resources") return <Resources />;
  if (part === "propose") return <Propose />;
  if (part === "policies" && kind) return <PolicyPage key={kind} name={kind} />;
  if (part === "policies") return <Policies />;
  if (part === "decisions") return <Decisions />;
  return <Overview />;
}
