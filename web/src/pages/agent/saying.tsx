/** Two ways to step in without stopping anything: say something to a turn under way, and let a copy go another way. */
import { useState } from "preact/hooks";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import { agentLink, go } from "../../data/router";
import type { Done, Forked, Glance } from "../../data/types";
import { Button, Dialog } from "../../ui/controls";
import { attempt } from "../../ui/toast";
import { Cli } from "../../ui/command";

export function Steer({ glance, close, done }: { glance: Glance; close: () => void; done: () => void }) {
  const { address } = glance.row;
  const open = glance.agent.turns.filter((t) => t.turn);
  const [words, setWords] = useState("");
  const [turn, setTurn] = useState(open.length === 1 ? 0 : (open[0]?.turn ?? 0));
  const say = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (await attempt(() => call<Done>("steer", { address, words, turn }), (d) => d.note)) {
      done();
      close();
    }
  };
  return (
    <Dialog title={`Steer ${address}`} close={close}>
      <h2 class="dialog-title">
        Steer <span class="mono">{address}</span>
      </h2>
      <form class="dialog-body" onSubmit={(event) => void say(event)}>
        <p class="dim">
          Its turn goes on. A thinking agent reads this before it asks its model next; other code hears it where it calls <code>ctx.steered()</code>. The journal keeps it under your name.
        </p>
        <label class="labelled">
          <span>What to say</span>
          <textarea class="area" rows={3} value={words} autofocus maxLength={4000} placeholder="What should it know or mind?" onInput={(e) => setWords(e.currentTarget.value)} />
        </label>
        {open.length > 1 && (
          <label class="labelled">
            <span>To</span>
            <select class="select" value={turn} onChange={(e) => setTurn(Number(e.currentTarget.value))}>
              {open.map((t) => (
                <option key={t.turn} value={t.turn}>
                  turn {t.turn}, {t.handler}
                </option>
              ))}
            </select>
          </label>
        )}
        <Cli command={cli.steer(address, words || "…", turn)} />
        <div class="dialog-foot">
          <Button kind="ghost" onClick={close}>
            Not now
          </Button>
          <button type="submit" class="button primary" disabled={!words.trim()}>
            Say it
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface Forking {
  address: string;
  turn: number;
  before: string;
  close: () => void;
}

export function Fork({ address, turn, before, close }: Forking) {
  const [name, own] = [address.slice(0, address.lastIndexOf("/") + 1), address.slice(address.lastIndexOf("/") + 1)];
  const [key, setKey] = useState(`${own}-fork`);
  const [newest, setNewest] = useState(false);
  const [why, setWhy] = useState("");
  const to = name + key;
  const fork = async (event: Event): Promise<void> => {
    event.preventDefault();
    const made = await attempt(() => call<Forked>("fork", { address, to, turn, before, newest, why }), (f) => f.note);
    if (made) {
      close();
      go(agentLink(made.address));
    }
  };
  return (
    <Dialog title={`Fork ${address}`} close={close}>
      <h2 class="dialog-title">
        Fork <span class="mono">{address}</span>
      </h2>
      <form class="dialog-body" onSubmit={(event) => void fork(event)}>
        <p class="dim">
          {before
            ? `A new agent runs turn ${turn} again. What came before step ${before} is answered from this journal and not done again; from there on it acts for real.`
            : turn
              ? `A new agent begins with the state as turn ${turn} left it.`
              : "A new agent begins with the state as it stands now."}{" "}
          Neither touches the other again.
        </p>
        <label class="labelled">
          <span>Its key</span>
          <span class="field">
            <input value={key} autofocus required maxLength={200} onInput={(e) => setKey(e.currentTarget.value)} />
          </span>
        </label>
        {before && (
          <label class="check">
            <input type="checkbox" checked={newest} onChange={(e) => setNewest(e.currentTarget.checked)} />
            On the newest version of its code
          </label>
        )}
        <label class="labelled">
          <span>Why</span>
          <span class="field">
            <input value={why} maxLength={300} placeholder="It is kept with it." onInput={(e) => setWhy(e.currentTarget.value)} />
          </span>
        </label>
        <Cli command={cli.fork(address, to, turn, before, newest)} />
        <div class="dialog-foot">
          <Button kind="ghost" onClick={close}>
            Not now
          </Button>
          <button type="submit" class="button primary" disabled={!key.trim()}>
            Fork
          </button>
        </div>
      </form>
    </Dialog>
  );
}
