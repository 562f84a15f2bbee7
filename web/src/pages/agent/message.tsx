/** A message to an agent: its handler, its arguments as JSON, or plain words for an agent that talks. */
import { useState } from "preact/hooks";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import type { Glance } from "../../data/types";
import { Button, Dialog } from "../../ui/controls";
import { attempt } from "../../ui/toast";
import { Cli } from "../../ui/command";

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function Message({ glance, close, done }: { glance: Glance; close: () => void; done: () => void }) {
  const names = Object.keys(glance.handlers).filter((n) => !n.startsWith("holdfast."));
  const [handler, setHandler] = useState(names.includes("chat") ? "chat" : (names[0] ?? ""));
  const [values, setValues] = useState<Record<string, string>>({});
  const spec = glance.handlers[handler];
  const given = (spec?.arguments ?? []).filter((a) => values[a] !== undefined && values[a] !== "");
  const missing = (spec?.required ?? []).filter((a) => !given.includes(a));
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    const kwargs = Object.fromEntries(given.map((a) => [a, parsed(values[a] as string)]));
    if (await attempt(() => call("send", { to: glance.row.address, handler, payload: kwargs, sender: "person" }), () => "Sent")) {
      done();
      close();
    }
  };
  return (
    <Dialog title={`Message to ${glance.row.address}`} close={close}>
      <h2 class="dialog-title">
        Message to <span class="mono">{glance.row.address}</span>
      </h2>
      <form class="dialog-body" onSubmit={(event) => void send(event)}>
        <label class="labelled">
          <span>Handler</span>
          <select class="select" value={handler} onChange={(e) => setHandler(e.currentTarget.value)}>
            {names.map((n) => (
              <option key={n}>{n}</option>
            ))}
          </select>
        </label>
        {spec?.summary && <p class="dim">{spec.summary}</p>}
        {(spec?.arguments ?? []).map((name, n) => (
          <label class="labelled" key={handler + name}>
            <span>
              {name} {!spec?.required.includes(name) && <span class="faint">optional</span>}
            </span>
            <textarea
              class="area"
              rows={handler === "chat" ? 4 : 2}
              autofocus={n === 0}
              placeholder="JSON, or plain words"
              value={values[name] ?? ""}
              onInput={(e) => setValues({ ...values, [name]: e.currentTarget.value })}
            />
          </label>
        ))}
        <Cli command={cli.send(glance.row.address, handler, given.map((a) => values[a] as string))} />
        <div class="dialog-foot">
          <span class="faint">{missing.length ? `Needs ${missing.join(", ")}` : "It waits in the mailbox for its turn"}</span>
          <Button kind="ghost" onClick={close}>
            Cancel
          </Button>
          <button type="submit" class="button primary" disabled={!handler || missing.length > 0}>
            Send
          </button>
        </div>
      </form>
    </Dialog>
  );
}
