/** What can be done to an agent: each action with its reason, its consequence, and the command that does the same. */
import { useState } from "preact/hooks";
import { Pause, Play, Send, Square, Skull, Archive, RotateCcw, GitFork, Megaphone } from "lucide-preact";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import type { Done, Glance } from "../../data/types";
import { Cli } from "../../ui/command";
import { Button, Dialog } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { useActions } from "../../ui/palette";
import { attempt } from "../../ui/toast";
import { Message } from "./message";
import { Fork, Steer } from "./saying";

type Verb = "pause" | "resume" | "cancel" | "kill" | "retire" | "retry_stuck";

interface Kind {
  word: string;
  what: string;
  Icon: typeof Pause;
  danger?: boolean;
  why?: boolean;
  command: string;
}

const KINDS: Record<Verb, Kind> = {
  pause: { word: "Pause", what: "It starts nothing and goes on with nothing until somebody resumes it. Messages wait in its mailbox.", Icon: Pause, why: true, command: "pause" },
  resume: { word: "Resume", what: "It goes on where it stopped, beginning with what waits longest.", Icon: Play, command: "resume" },
  cancel: { word: "Cancel turn", what: "Its open turns are cancelled at their next step. Their cleanup and compensations run.", Icon: Square, why: true, command: "cancel" },
  kill: { word: "Kill turn", what: "Its open turns end at once. Nothing of them runs any more, no cleanup either.", Icon: Skull, danger: true, why: true, command: "kill" },
  retire: { word: "Retire", what: "It takes no more messages. Its journal stays, and resume brings it back.", Icon: Archive, danger: true, why: true, command: "retire" },
  retry_stuck: { word: "Run again", what: "Its stuck turn runs again from its journal.", Icon: RotateCcw, command: "turns retry" },
};

export function Acting({ glance, again }: { glance: Glance; again: () => void }) {
  const { address, state } = glance.row;
  const [verb, setVerb] = useState<Verb>();
  const [writing, setWriting] = useState(false);
  const [steering, setSteering] = useState(false);
  const [forking, setForking] = useState(false);
  const stopped = state === "paused" || state === "retired";
  const open = glance.agent.turns.some((t) => t.turn);
  const turn: Verb = stopped ? "resume" : "pause";
  useKeys({ p: () => setVerb(turn), m: () => setWriting(true), s: () => open && setSteering(true) });
  useActions(
    [
      { name: `Send ${address} a message`, hint: "m", run: () => setWriting(true) },
      { name: `Steer ${address}`, hint: "s", run: () => setSteering(true) },
      { name: `Fork ${address}`, run: () => setForking(true) },
      { name: `${KINDS[turn].word} ${address}`, hint: "p", run: () => setVerb(turn) },
      { name: `Cancel the turn of ${address}`, run: () => setVerb("cancel") },
      { name: `Kill the turn of ${address}`, run: () => setVerb("kill") },
      { name: `Retire ${address}`, run: () => setVerb("retire") },
    ],
    address + state,
  );
  return (
    <div class="acting">
      <Button kind="primary" icon={<Send size={14} class="icon" />} onClick={() => setWriting(true)} aria-label="Message">
        Message
      </Button>
      {state === "stuck" && <ActButton verb="retry_stuck" pick={setVerb} />}
      <Button disabled={!open} title="Steer: say something to the turn under way without stopping it" icon={<Megaphone size={14} class="icon" />} onClick={() => setSteering(true)} aria-label="Steer">
        Steer
      </Button>
      <ActButton verb={turn} pick={setVerb} />
      <ActButton verb="cancel" pick={setVerb} disabled={!open} />
      <Button title="Fork: a new agent begins with what this one has" icon={<GitFork size={14} class="icon" />} onClick={() => setForking(true)} aria-label="Fork" />
      <ActButton verb="kill" pick={setVerb} disabled={!open} short />
      <ActButton verb="retire" pick={setVerb} disabled={state === "retired"} short />
      {verb && <Act verb={verb} address={address} close={() => setVerb(undefined)} done={again} />}
      {steering && <Steer glance={glance} close={() => setSteering(false)} done={again} />}
      {forking && <Fork address={address} turn={0} before="" close={() => setForking(false)} />}
      {writing && <Message glance={glance} close={() => setWriting(false)} done={again} />}
    </div>
  );
}

function ActButton({ verb, pick, disabled = false, short }: { verb: Verb; pick: (verb: Verb) => void; disabled?: boolean; short?: boolean }) {
  const { Icon, word, what, danger } = KINDS[verb];
  return (
    <Button kind={danger ? "danger" : "plain"} disabled={disabled} title={`${word}: ${what}`} aria-label={word} icon={<Icon size={14} class="icon" />} onClick={() => pick(verb)}>
      {short ? undefined : word}
    </Button>
  );
}

function Act({ verb, address, close, done }: { verb: Verb; address: string; close: () => void; done: () => void }) {
  const kind = KINDS[verb];
  const [why, setWhy] = useState("");
  const act = async (event: Event): Promise<void> => {
    event.preventDefault();
    const input = kind.why && why ? { address, why } : { address };
    if (await attempt(() => call<Done>(verb, input), (d) => d.note)) {
      done();
      close();
    }
  };
  return (
    <Dialog title={`${kind.word} ${address}`} close={close}>
      <h2 class="dialog-title">
        {kind.word} <span class="mono">{address}</span>
      </h2>
      <form class="dialog-body" onSubmit={(event) => void act(event)}>
        <p class="dim">{kind.what}</p>
        {kind.why && (
          <label class="field">
            <span class="hidden-text">Why</span>
            <input value={why} autofocus maxLength={300} placeholder="Why? It is kept with it." onInput={(e) => setWhy(e.currentTarget.value)} />
          </label>
        )}
        <Cli command={cli.act(kind.command, address, why)} />
        <div class="dialog-foot">
          <Button kind="ghost" onClick={close}>
            Not now
          </Button>
          <button type="submit" class={kind.danger ? "button danger" : "button primary"} autofocus={!kind.why}>
            {kind.word}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
