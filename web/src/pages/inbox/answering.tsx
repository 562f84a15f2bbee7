/** One question, and the ways to answer it. */
import { useState } from "preact/hooks";
import { Check, CheckCheck, X } from "lucide-preact";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import { ago, exact } from "../../data/format";
import { now } from "../../data/live";
import { agentLink } from "../../data/router";
import { STATES } from "../../data/states";
import type { Done, Question } from "../../data/types";
import { Button } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { Glyph } from "../../ui/state";
import { attempt } from "../../ui/toast";
import { Cli } from "../../ui/command";
import { Exactly } from "./exactly";
import { ApproveSimilar } from "./similar";

export async function answer(question: Question, value: unknown): Promise<boolean> {
  const done = await attempt(() => call<Done>("answer", { question: question.id, value }), () => `Answered ${question.address}: ${String(value)}`);
  return done !== undefined;
}

interface Props {
  question: Question;
  done: () => void;
  /** Keys are shown where they work. */
  keys?: boolean;
}

export function Answering({ question, done, keys }: Props) {
  const [turn] = question.id.split("#")[1]?.split(".") ?? [];
  const state = question.approval ? "approval" : "input";
  const [similar, setSimilar] = useState(false);
  useKeys(keys && question.approval ? { s: () => setSimilar(true) } : {});
  const reply = (value: unknown) => async (): Promise<void> => {
    if (await answer(question, value)) done();
  };
  return (
    <article class="question">
      <header>
        <Glyph state={state} size={16} />
        <span class="dim">{STATES[state].word}</span>
        <a class="link mono" href={agentLink(question.address, turn ? { turn } : {})}>
          {question.address}
        </a>
        <span class="faint num" title={exact(question.since)}>
          {ago(now() - question.since)} ago
        </span>
        {question.due > 0 && (
          <span class={question.due - now() < 600_000 ? "tag warn" : "tag"} title={exact(question.due)}>
            {question.due > now() ? `${ago(question.due - now())} left` : "time is over"}
          </span>
        )}
      </header>
      <h2 class="question-text">{question.question}</h2>
      {question.approval && <Exactly approval={question.approval} />}
      {question.approval && similar ? (
        <ApproveSimilar question={question} done={done} close={() => setSimilar(false)} />
      ) : question.approval ? (
        <div class="question-answers">
          <Button kind="primary" icon={<Check size={15} class="icon" />} hint={keys ? "a" : ""} onClick={() => void reply("approve")()}>
            Approve
          </Button>
          <Button kind="danger" icon={<X size={15} class="icon" />} hint={keys ? "d" : ""} onClick={() => void reply("deny")()}>
            Deny
          </Button>
          <Button icon={<CheckCheck size={15} class="icon" />} hint={keys ? "s" : ""} onClick={() => setSimilar(true)}>
            Approve similar…
          </Button>
        </div>
      ) : question.choices.length ? (
        <div class="question-answers">
          {question.choices.map((choice, n) => (
            <Button key={choice} kind={n === 0 ? "primary" : "plain"} hint={keys && n < 9 ? String(n + 1) : ""} onClick={() => void reply(choice)()}>
              {choice}
            </Button>
          ))}
        </div>
      ) : (
        <Words send={(text) => reply(text)()} />
      )}
      <div class="question-foot">
        {question.to && !question.approval && <span class="faint">May answer: {question.to}</span>}
        {!similar && <Cli command={question.approval ? cli.approve(question.id, false) : cli.answer(question.id, question.choices[0] ?? "…")} />}
      </div>
    </article>
  );
}

function Words({ send }: { send: (text: string) => Promise<void> }) {
  const [text, setText] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    if (text.trim()) void send(text);
  };
  return (
    <form onSubmit={submit} class="question-words">
      <textarea
        class="area"
        aria-label="Your answer"
        placeholder="Your answer. Ctrl Enter sends it."
        value={text}
        onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => e.key === "Enter" && (e.ctrlKey || e.metaKey) && submit(e)}
      />
      <button type="submit" class="button primary" disabled={!text.trim()}>
        Answer
      </button>
    </form>
  );
}
