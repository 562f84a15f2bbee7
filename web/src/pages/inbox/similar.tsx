/** Approving similar actions, too: nothing is free but what is freed here, and the past shows what that would have meant. */
import { useEffect, useState } from "preact/hooks";
import { CheckCheck } from "lucide-preact";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import { ago, exact, plural } from "../../data/format";
import { now } from "../../data/live";
import { agentLink } from "../../data/router";
import type { Done, Preview, Question, Similar } from "../../data/types";
import { Button } from "../../ui/controls";
import { attempt } from "../../ui/toast";
import { Cli } from "../../ui/command";

const DAYS: [string, number][] = [
  ["an hour", 3_600],
  ["a day", 86_400],
  ["a week", 604_800],
  ["a month", 2_592_000],
];
const WAIT_MS = 250;
const SHOWN = 5;

interface Bound {
  how: "equal" | "at_most" | "any";
  most: string;
}

export function ApproveSimilar({ question, done, close }: { question: Question; done: () => void; close: () => void }) {
  const approval = question.approval!;
  const names = Object.keys(approval.named);
  const kind = `${approval.agent.slice(0, approval.agent.lastIndexOf("/"))}/*`;
  const [bounds, setBounds] = useState<Record<string, Bound>>({});
  const [agents, setAgents] = useState("");
  const [uses, setUses] = useState("");
  const [seconds, setSeconds] = useState(604_800);
  const bound = (name: string): Bound => bounds[name] ?? { how: "equal", most: String(approval.named[name]) };
  const set = (name: string, part: Partial<Bound>): void => setBounds({ ...bounds, [name]: { ...bound(name), ...part } });
  const freed = (how: Bound["how"]): string[] => names.filter((n) => bound(n).how === how);
  const destinations = freed("any").filter((n) => approval.roles[n] === "destination");
  const similar: Similar = {
    agents,
    at_most: Object.fromEntries(freed("at_most").map((n) => [n, Number(bound(n).most)])),
    any: freed("any"),
    total: {},
    uses: Math.max(0, Math.floor(Number(uses) || 0)),
    seconds,
    unseen: destinations.length > 0,
  };
  const under = freed("at_most").filter((n) => !(Number(bound(n).most) >= Number(approval.named[n])));
  const bad = under.map((n) => `${n} is ${shortly(approval.named[n])} now, which is more than ${bound(n).most || "nothing"}.`).join(" ");
  const seen = usePreview(question.id, bad ? "" : JSON.stringify(similar));
  const preview = seen.preview;
  const wrong = bad || seen.wrong;
  const grant = async (): Promise<void> => {
    if (await attempt(() => call<Done>("approve", { question: question.id, similar }), (d) => d.note)) done();
  };
  return (
    <form
      class="similar"
      aria-label="Approve similar ones, too"
      onSubmit={(event) => {
        event.preventDefault();
        void grant();
      }}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <h3>Approve this one, and similar ones without asking</h3>
      <table class="arguments">
        <tbody>
          {names.map((name, n) => (
            <tr key={name}>
              <th scope="row">
                {name}
                {approval.roles[name] && <span class="faint">{approval.roles[name]}</span>}
              </th>
              <td class="similar-bound">
                <select aria-label={`${name} of similar ones`} autofocus={n === 0} value={bound(name).how} onChange={(e) => set(name, { how: e.currentTarget.value as Bound["how"] })}>
                  <option value="equal">exactly {shortly(approval.named[name])}</option>
                  {typeof approval.named[name] === "number" && <option value="at_most">at most</option>}
                  <option value="any">anything</option>
                </select>
                {bound(name).how === "at_most" && (
                  <input class="input" type="number" aria-label={`the most for ${name}`} min={0} step="any" value={bound(name).most} onInput={(e) => set(name, { most: e.currentTarget.value })} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="similar-more">
        <label>
          of{" "}
          <select aria-label="whose" value={agents} onChange={(e) => setAgents(e.currentTarget.value)}>
            <option value="">{approval.agent} only</option>
            <option value={kind}>{kind}</option>
          </select>
        </label>
        <label>
          for{" "}
          <select aria-label="for how long" value={String(seconds)} onChange={(e) => setSeconds(Number(e.currentTarget.value))}>
            {DAYS.map(([word, s]) => (
              <option key={s} value={String(s)}>
                {word}
              </option>
            ))}
          </select>
        </label>
        <label>
          at most <input class="input" aria-label="how many" type="number" min={0} placeholder="any" value={uses} onInput={(e) => setUses(e.currentTarget.value)} /> times
        </label>
      </div>
      {destinations.length > 0 && (
        <p class="similar-warn" role="alert">
          {destinations.join(", ")} is where it goes: similar ones would go to places that nobody has looked at.
        </p>
      )}
      {wrong ? (
        <p class="similar-warn" role="alert">
          {wrong}
        </p>
      ) : (
        preview && <Past preview={preview} />
      )}
      <div class="question-answers">
        <button type="submit" class="button primary" disabled={!!wrong || !preview}>
          <CheckCheck size={15} class="icon" />
          <span class="cut">Approve these</span>
        </button>
        <Button onClick={close}>Back</Button>
      </div>
      <Cli command={cli.similar(question.id, similar)} />
    </form>
  );
}

/** What it would have meant until now; asked for a moment after the last change. */
function usePreview(question: string, text: string): { preview?: Preview | undefined; wrong: string } {
  const [found, setFound] = useState<{ preview?: Preview; wrong: string }>({ wrong: "" });
  useEffect(() => {
    if (!text) return;
    const gone = new AbortController();
    const timer = setTimeout(() => {
      call<Preview>("preview_grant", { question, similar: JSON.parse(text) as Similar }, gone.signal)
        .then((preview) => setFound({ preview, wrong: "" }))
        .catch((error: unknown) => gone.signal.aborted || setFound({ wrong: error instanceof Error ? error.message : String(error) }));
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [question, text]);
  return found;
}

function Past({ preview }: { preview: Preview }) {
  return (
    <div class="similar-past" role="status">
      <p>
        Of {plural(preview.asked, "action")} that {preview.asked === 1 ? "was" : "were"} asked about in the last 30 days, this would have let {preview.covered} through without asking
        {preview.refused > 0 && <b class="similar-warn">, {preview.refused} of them refused by people</b>}.
      </p>
      {preview.found.slice(0, SHOWN).map((c) => (
        <div key={`${c.address}#${c.turn}.${c.path}`} class="similar-act">
          <a class="link mono" href={agentLink(c.address.replace(/^default\//, ""), { turn: c.turn })}>
            {c.address.replace(/^default\//, "")}
          </a>
          <span class="mono cut">{shortly(c.args)}</span>
          <span class={c.then === "refused" ? "tag warn" : "tag"}>{c.then === "refused" ? "refused" : c.then === "granted" ? "granted" : "approved"}</span>
          <span class="faint num" title={exact(c.at)}>
            {ago(now() - c.at)} ago
          </span>
        </div>
      ))}
    </div>
  );
}

function shortly(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
