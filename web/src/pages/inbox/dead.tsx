/** A message whose turn failed with nobody to tell: send it again, or take it off the list. */
import { useState } from "preact/hooks";
import { RotateCcw, Trash2 } from "lucide-preact";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import { ago, exact } from "../../data/format";
import { now } from "../../data/live";
import { agentLink } from "../../data/router";
import type { DeadLetter } from "../../data/types";
import { Button } from "../../ui/controls";
import { Json } from "../../ui/json";
import { Glyph } from "../../ui/state";
import { attempt } from "../../ui/toast";
import { Cli } from "../../ui/command";

export function Dead({ letter, done }: { letter: DeadLetter; done: () => void }) {
  const [busy, setBusy] = useState(false);
  const act = (name: string, word: string) => async (): Promise<void> => {
    setBusy(true);
    if (await attempt(() => call(name, { id: letter.id }), () => word)) done();
    setBusy(false);
  };
  return (
    <article class="question">
      <header>
        <Glyph state="failed" size={16} />
        <span class="dim">Failed</span>
        <a class="link mono" href={agentLink(letter.address)}>
          {letter.address}
        </a>
        <span class="faint num" title={exact(letter.ended)}>
          {ago(now() - letter.ended)} ago
        </span>
        {letter.code && <span class="tag mono">{letter.code}</span>}
      </header>
      <h2 class="question-text">{letter.error || "It failed without a word"}</h2>
      <div class="exactly-call">
        <div class="mono">{letter.handler}</div>
        <Json value={{ ...Object.fromEntries(letter.args.map((a, n) => [String(n), a])), ...letter.kwargs }} />
      </div>
      <div class="question-answers">
        <Button kind="primary" disabled={busy} icon={<RotateCcw size={14} class="icon" />} onClick={() => void act("redeliver", "Sent again")()}>
          Send again
        </Button>
        <Button disabled={busy} icon={<Trash2 size={14} class="icon" />} onClick={() => void act("discard", "Taken off the list")()}>
          Discard
        </Button>
      </div>
      <div class="question-foot">
        <span class="faint">From {letter.sender || "nobody known"}</span>
        <Cli command={cli.redeliver(letter.id)} />
      </div>
    </article>
  );
}
