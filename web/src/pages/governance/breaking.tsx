/** Switching something off for every worker at once, and on again: with a reason, and the command that does the same. */
import { useState } from "preact/hooks";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import type { Done } from "../../data/types";
import { Cli } from "../../ui/command";
import { Button, Dialog } from "../../ui/controls";
import { attempt } from "../../ui/toast";
import type { Breaker } from "./overview";

const SCOPES: Record<string, string> = {
  agent: "one agent, e.g. order/2001",
  definition: "all agents of a name, e.g. order",
  tool: "one tool, e.g. send_mail",
  destination: "where things are sent, e.g. example.org",
  tenant: "a whole tenant",
  system: "everything",
};
const HELD = new Set(["system", "tenant", "definition", "agent"]);
const ACTIONS: Record<string, string> = { hold: "hold: turns wait, and go on when it is switched on", deny: "deny: every action is refused", kill: "kill: open turns end for good" };

interface Props {
  close: () => void;
  done: () => void;
}

export function Trip({ close, done }: Props) {
  const [scope, setScope] = useState("agent");
  const [what, setWhat] = useState("");
  const [action, setAction] = useState("hold");
  const [reason, setReason] = useState("");
  const does = HELD.has(scope) ? action : "deny";
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await attempt(() => call<Done>("trip_breaker", { scope, what: scope === "system" ? "" : what, action: does, reason }), (d) => d.note)) {
      done();
      close();
    }
  };
  return (
    <Dialog title="Switch something off" close={close}>
      <h2 class="dialog-title">Switch something off</h2>
      <form class="dialog-body" onSubmit={(event) => void submit(event)}>
        <p class="dim">It holds on every worker before its next effect, until somebody switches it on again.</p>
        <label class="stack">
          <span class="faint">What</span>
          <select class="select wide" value={scope} onChange={(e) => setScope(e.currentTarget.value)}>
            {Object.entries(SCOPES).map(([word, what]) => (
              <option key={word} value={word}>
                {word}: {what}
              </option>
            ))}
          </select>
        </label>
        {scope !== "system" && (
          <label class="field">
            <span class="hidden-text">Which {scope}</span>
            <input value={what} required autofocus placeholder={`Which ${scope}?`} onInput={(e) => setWhat(e.currentTarget.value)} />
          </label>
        )}
        {HELD.has(scope) && (
          <label class="stack">
            <span class="faint">What becomes of its turns</span>
            <select class="select wide" value={action} onChange={(e) => setAction(e.currentTarget.value)}>
              {Object.entries(ACTIONS).map(([word, told]) => (
                <option key={word} value={word}>
                  {told}
                </option>
              ))}
            </select>
          </label>
        )}
        <label class="field">
          <span class="hidden-text">Why</span>
          <input value={reason} required maxLength={300} placeholder="Why? For whoever finds it." onInput={(e) => setReason(e.currentTarget.value)} />
        </label>
        <Cli command={cli.trip(scope, scope === "system" ? "" : what, does, reason)} />
        <div class="dialog-foot">
          <Button kind="ghost" onClick={close}>
            Not now
          </Button>
          <button type="submit" class="button danger">
            Switch off
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function Reset({ breaker, close, done }: Props & { breaker: Breaker }) {
  const [reason, setReason] = useState("");
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await attempt(() => call<Done>("reset_breaker", { name: breaker.name, reason }), (d) => d.note)) {
      done();
      close();
    }
  };
  return (
    <Dialog title={`Switch ${breaker.name} on again`} close={close}>
      <h2 class="dialog-title">
        Switch <span class="mono">{breaker.name}</span> on again
      </h2>
      <form class="dialog-body" onSubmit={(event) => void submit(event)}>
        <p class="dim">What was held goes on where it was. {breaker.by} switched it off{breaker.reason ? `: ${breaker.reason}` : "."}</p>
        <label class="field">
          <span class="hidden-text">Why</span>
          <input value={reason} autofocus maxLength={300} placeholder="Why? It is kept with it." onInput={(e) => setReason(e.currentTarget.value)} />
        </label>
        <Cli command={cli.reset(breaker.name, reason)} />
        <div class="dialog-foot">
          <Button kind="ghost" onClick={close}>
            Not now
          </Button>
          <button type="submit" class="button primary">
            Switch on
          </button>
        </div>
      </form>
    </Dialog>
  );
}
