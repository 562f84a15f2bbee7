/** One sentence of a brief. Words of others stand in quotation marks and look like it; links lead to what it says. */
import { agentLink } from "../../data/router";
import { links } from "../governance/links";
import type { BriefLink, BriefSentence } from "../../data/types";

/** Where a link leads. */
export function placeOf(link: BriefLink): string {
  if (link.what === "question") return `/inbox?item=${encodeURIComponent(link.id ?? "")}`;
  if (link.what === "page") return link.id ?? "/";
  if (link.what === "resource") return links.resource({ kind: link.kind ?? "", name: link.name ?? "", tenant: link.tenant ?? "" }, { tab: "versions", after: link.version ?? 0 });
  const parts: Record<string, number> = {};
  if (link.turn) parts.turn = link.turn;
  if (link.seq) parts.entry = link.seq;
  return agentLink(link.agent ?? "", parts);
}

export function Sentence({ sentence, marked }: { sentence: BriefSentence; marked: boolean }) {
  return (
    <li>
      <p>{sentence.text.split(/(“[^”]*”)/).map((part, n) => (n % 2 ? <q key={n}>{part}</q> : part))}</p>
      <div class="brief-links">
        {sentence.links.map((link, n) => (
          <a key={n} class={`link${link.what === "page" || link.what === "question" ? "" : " mono"}`} href={placeOf(link)}>
            {link.label}
          </a>
        ))}
        {marked && <span class="tag">{sentence.by === "model" ? "by a model, checked" : "by the rules"}</span>}
      </div>
    </li>
  );
}
