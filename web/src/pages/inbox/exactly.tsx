/** What exactly would happen, why somebody is asked, and from which data it was made. */
import type { Approval } from "../../data/types";
import { Json } from "../../ui/json";

export function Exactly({ approval }: { approval: Approval }) {
  return (
    <div class="exactly">
      <div class="exactly-call">
        <div class="mono">
          {approval.verb} {approval.name} {approval.to && <span class="dim">to {approval.to}</span>}
        </div>
        <Arguments approval={approval} />
      </div>
      {approval.named_before && <p class="exactly-changed">A rule changed the arguments. Struck out is what the agent wrote.</p>}
      <dl class="facts">
        <div>
          <dt>Asked by rule</dt>
          <dd>
            {approval.rules.map((r) => (
              <span key={r} class="tag mono">
                {r}
              </span>
            ))}
            {approval.reasons.map((r) => (
              <p key={r}>{r}</p>
            ))}
          </dd>
        </div>
        <div>
          <dt>Made from</dt>
          <dd class="tags">
            {approval.labels.map((l) => (
              <span key={l} class={l === "untrusted" ? "tag warn" : "tag"}>
                {l}
              </span>
            ))}
            {!approval.labels.length && <span class="faint">nothing labelled</span>}
          </dd>
        </div>
        <div>
          <dt>On behalf of</dt>
          <dd class="mono">{approval.requested_by || "nobody else"}</dd>
        </div>
        <div>
          <dt>May answer</dt>
          <dd>
            {approval.who.length ? approval.who.join(", ") : "anybody but who asked"}
            {approval.needed > 1 && `; ${approval.needed} of them have to agree`}
            {approval.until > 0 && `; when the time is over: ${approval.default}`}
          </dd>
        </div>
      </dl>
    </div>
  );
}

/** All arguments by name; where a rule changed one, as it was and as it would run. */
function Arguments({ approval }: { approval: Approval }) {
  const { named, named_before: before, roles } = approval;
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(named)])];
  if (!names.length) return <span class="faint">no arguments</span>;
  return (
    <table class="arguments">
      <tbody>
        {names.map((name) => {
          const changed = before !== null && JSON.stringify(before[name]) !== JSON.stringify(named[name]);
          return (
            <tr key={name}>
              <th scope="row">
                {name}
                {roles[name] && <span class="faint">{roles[name]}</span>}
              </th>
              <td>
                {changed && name in before && (
                  <del>
                    <Json value={before[name]} />
                  </del>
                )}
                {name in named ? changed ? <ins><Json value={named[name]} /></ins> : <Json value={named[name]} /> : <ins>left out</ins>}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
