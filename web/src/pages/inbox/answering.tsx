/** One question, and the ways to answer it. */
import { useState } from "preact/hooks";
import { Check, X } from "lucide-preact";
import { call } from "../../data/api";
import { cli } from "../../data/cli";
import { ago, exact } from "../../data/format";
import { now } from "../../data/live";
import { agentLink } from "../../data/router";
import { STATES } from "../../data/states";
import type { Approval, Done, Question } from "../../data/types";
import { Button } from "../../ui/controls";
import { Json } from "../../ui/json";
import { Glyph } from "../../ui/state";
import { attempt } from "../../ui/toast";
import { Cli } from "../agent/acting";

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
      {question.approval ? (
        <div class="question-answers">
          <Button kind="primary" icon={<Check size={15} class="icon" />} hint={keys ? "a" : ""} onClick={() => void reply("approve")()}>
            Approve
          </Button>
          <Button kind="danger" icon={<X size={15} class="icon" />} hint={keys ? "d" : ""} onClick={() => void reply("deny")()}>
            Deny
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
        {question.to && <span class="faint">May answer: {question.to}</span>}
        <Cli command={cli.answer(question.id, question.approval ? "approve" : (question.choices[0] ?? "…"))} />
      </div>
    </article>
  );
}

/** What exactly would happen, why somebody is asked, and from which data it was made. */
function Exactly({ approval }: { approval: Approval }) {
  return (
    <div class="exactly">
      <div class="exactly-call">
        <div class="mono">
          {approval.verb} {approval.name} {approval.to && <span class="dim">to {approval.to}</span>}
        </div>
        <Json value={approval.args} />
      </div>
      {approval.before !== null && approval.before !== undefined && (
        <details>
          <summary>A rule changed these arguments; the agent wrote</summary>
          <Json value={approval.before} />
        </details>
      )}
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
          <dt>Needs</dt>
          <dd>
            {approval.needed} of {approval.who.length ? approval.who.join(", ") : "anybody"}; else {approval.default}
          </dd>
        </div>
      </dl>
    </div>
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
