/** What would happen, before it does: each change, whom it touches, what others changed meanwhile, and the digest of it all. */
import { agentLink } from "../../data/router";
import { plural } from "../../data/format";
import { links } from "./links";
import { Fields } from "./parts";
import type { Change, Clash, Effect, Plan } from "./types";

const MARKS: Record<Change["action"], [string, string, string]> = {
  create: ["+", "is created", "good"],
  change: ["~", "changes", "work"],
  delete: ["−", "goes", "trouble"],
  record: ["=", "is so already; that the files say so is kept", "quiet"],
  none: ["=", "stays as it is", "quiet"],
};

export function PlanShown({ plan }: { plan: Plan }) {
  return (
    <div class="plan" role="group" aria-label="Plan">
      <p class="plan-sum" role="status">
        <b>{plan.changes ? plural(plan.changes, "change") : "Nothing would change"}</b>
        {plan.unchanged > 0 && <span class="dim"> · {plan.unchanged} as they should be</span>}
        {plan.drifted > 0 && <span class="dim"> · {plan.drifted} changed by others</span>}
        {plan.clashes > 0 && <span class="tag bad">{plural(plan.clashes, "clash", "clashes")}</span>}
        <span class="plan-digest faint">
          plan <code>{plan.digest}</code>
        </span>
      </p>
      {plan.results.map((change) => (
        <ChangeShown key={`${change.kind}/${change.name}/${change.tenant}`} change={change} />
      ))}
    </div>
  );
}

function ChangeShown({ change }: { change: Change }) {
  const [mark, word, tone] = MARKS[change.action];
  const by = change.changed_by ? ` by ${change.changed_by}${change.changed_for ? ` (${change.changed_for})` : ""}` : "";
  return (
    <article class={`change tone-${tone}`} aria-label={`${change.kind} ${change.name} ${word}`}>
      <h3 class="change-head">
        <span class="change-mark" aria-hidden="true">{mark}</span>
        <a class="mono" href={links.resource(change)}>
          {change.kind}/{change.name}
        </a>
        <span class="dim">
          {word}
          {change.version > 0 ? `, over version ${change.version}` : ""}
        </span>
      </h3>
      {change.fields.length > 0 && <Fields fields={change.fields} before="is" after="becomes" />}
      {change.drift.length > 0 && (
        <div class="change-note">
          <p>Somebody else changed this{by} since the files were applied last. It stays as they left it:</p>
          <Fields fields={change.drift} before="the files said" after="is, and stays" />
        </div>
      )}
      {change.clashes.length > 0 && <Clashes clashes={change.clashes} by={by} />}
      {change.effects.length > 0 && (
        <ul class="effects" aria-label="What it will do">
          {change.effects.map((effect, n) => (
            <EffectShown key={n} effect={effect} />
          ))}
        </ul>
      )}
      {change.effects.length === 0 && (change.action === "change" || change.action === "create" || change.action === "delete") && (
        <p class="faint change-none">Touches no agent, turn or spending that can be foreseen.</p>
      )}
    </article>
  );
}

function Clashes({ clashes, by }: { clashes: Clash[]; by: string }) {
  return (
    <div class="change-note bad">
      <p>
        The text and somebody else{by} changed the same to different things. Nothing is applied until the text agrees, or you put in what it says.
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Clashes">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Where</th>
              <th scope="col">Applied last</th>
              <th scope="col">Is now</th>
              <th scope="col">Wanted</th>
            </tr>
          </thead>
          <tbody>
            {clashes.map((c) => (
              <tr key={c.path}>
                <td class="mono">{c.path || "all of it"}</td>
                {[c.applied, c.live, c.wanted].map((v, n) => (
                  <td key={n} class="mono wrap">
                    {v === null ? <i class="faint">nothing</i> : JSON.stringify(v)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function EffectShown({ effect }: { effect: Effect }) {
  return (
    <li>
      <span class="tag">{effect.kind}</span>
      <span>
        {effect.note}
        {effect.agents.length > 0 && (
          <span class="effect-agents">
            {effect.agents.slice(0, 12).map((a) => (
              <a key={a} class="link mono" href={agentLink(a.replace(/^default\//, ""))}>
                {a.replace(/^default\//, "")}
              </a>
            ))}
            {effect.agents.length > 12 && <span class="faint">and {effect.agents.length - 12} more</span>}
          </span>
        )}
      </span>
    </li>
  );
}
