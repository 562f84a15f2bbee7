/** One place for whatever waits for a person: approvals, questions, and turns that failed with nobody to tell. */
import { useEffect, useState } from "preact/hooks";
import { ArrowLeft, Inbox as InboxIcon } from "lucide-preact";
import { ago, plural } from "../../data/format";
import { counts, listen, now } from "../../data/live";
import { place, setQuery } from "../../data/router";
import type { DeadLetter, Question } from "../../data/types";
import { Button, Empty, Trouble, Waiting } from "../../ui/controls";
import { useKeys } from "../../ui/keys";
import { Glyph } from "../../ui/state";
import { Virtual } from "../../ui/virtual";
import { useCall } from "../../ui/use";
import { answer, Answering } from "./answering";
import { Dead } from "./dead";

type Item = { key: string; at: number; address: string; text: string } & ({ kind: "ask"; question: Question } | { kind: "dead"; letter: DeadLetter });

const ROW = 58;
const MOST = 1_000;

export function InboxPage() {
  const asks = useCall<Question[]>("asks", { limit: MOST }, 400);
  const dead = useCall<DeadLetter[]>("dead", { limit: MOST }, 1000);
  const asking = `${counts.value.approval ?? 0} ${counts.value.input ?? 0}`;
  useEffect(asks.again, [asking]);
  useEffect(dead.again, [counts.value.failed]);
  useEffect(
    () =>
      listen((beat) => {
        if (beat.gap || beat.events.some((e) => e[5] === "ask")) asks.again();
      }),
    [asks.again],
  );
  const only = place.value.query.get("only") ?? "";
  const items = itemsOf(asks.value ?? [], dead.value ?? [], only);
  const at = place.value.query.get("item") ?? "";
  const found = items.findIndex((i) => i.key === at);
  const [last, setLast] = useState(0);
  const chosen = found >= 0 ? found : Math.min(last, items.length - 1);
  const item = items[chosen];
  const choose = (n: number): void => {
    const next = items[Math.max(0, Math.min(items.length - 1, n))];
    setLast(Math.max(0, n));
    setQuery({ item: next?.key ?? "" });
  };
  const done = (): void => {
    setLast(chosen);
    setQuery({ item: "" });
    asks.again();
    dead.again();
  };
  const press = (n: number) => async (): Promise<void> => {
    if (item?.kind === "ask" && !item.question.approval && item.question.choices[n] && (await answer(item.question, item.question.choices[n]))) done();
  };
  const rule = (value: string) => async (): Promise<void> => {
    if (item?.kind === "ask" && item.question.approval && (await answer(item.question, value))) done();
  };
  useKeys({
    j: () => choose(chosen + 1),
    ArrowDown: () => choose(chosen + 1),
    k: () => choose(chosen - 1),
    ArrowUp: () => choose(chosen - 1),
    a: () => void rule("approve")(),
    d: () => void rule("deny")(),
    Escape: () => setQuery({ item: "" }),
    ...Object.fromEntries(Array.from({ length: 9 }, (_, n) => [String(n + 1), () => void press(n)()])),
  });
  const ready = asks.value && dead.value;
  const error = asks.error ?? dead.error;
  return (
    <>
      <header class="head">
        {at && (
          <span class="phone-only">
            <Button kind="ghost" aria-label="Back to the list" icon={<ArrowLeft size={16} class="icon" />} onClick={() => setQuery({ item: "" })} />
          </span>
        )}
        <h1>Inbox</h1>
        <Only only={only} asks={asks.value ?? []} dead={dead.value ?? []} />
        <div class="end desk-only">
          <span class="faint">
            <kbd>j</kbd> <kbd>k</kbd> move
          </span>
        </div>
      </header>
      {error !== undefined && !ready && <Trouble error={error} again={asks.again} />}
      {!ready && error === undefined && <Waiting rows={9} />}
      {ready && !items.length && <Nobody only={only} />}
      {ready && items.length > 0 && (
        <div class={at ? "inbox open" : "inbox"}>
          <div class="inbox-list">
            <Virtual label="What waits for a person" count={items.length} height={ROW} chosen={chosen} row={(n) => <Line item={items[n] as Item} chosen={n === chosen} choose={() => choose(n)} />} />
          </div>
          <div class="inbox-item">{item && (item.kind === "ask" ? <Answering key={item.key} question={item.question} done={done} keys /> : <Dead key={item.key} letter={item.letter} done={done} />)}</div>
        </div>
      )}
    </>
  );
}

function itemsOf(asks: Question[], dead: DeadLetter[], only: string): Item[] {
  const items: Item[] = [];
  if (only !== "failed") {
    for (const question of asks) {
      if (only === "approval" && !question.approval) continue;
      if (only === "input" && question.approval) continue;
      items.push({ kind: "ask", key: question.id, at: question.since, address: question.address, text: question.question, question });
    }
  }
  if (!only || only === "failed") {
    for (const letter of dead) items.push({ kind: "dead", key: `dead:${letter.id}`, at: letter.ended, address: letter.address, text: letter.error, letter });
  }
  const rank = (i: Item): number => (i.kind === "dead" ? 2 : i.question.approval ? 0 : 1);
  return items.sort((a, b) => rank(a) - rank(b) || a.at - b.at);
}

function Only({ only, asks, dead }: { only: string; asks: Question[]; dead: DeadLetter[] }) {
  const approvals = asks.filter((q) => q.approval).length;
  const kinds: [string, string, number][] = [
    ["", "All", asks.length + dead.length],
    ["approval", "Approvals", approvals],
    ["input", "Questions", asks.length - approvals],
    ["failed", "Failed", dead.length],
  ];
  return (
    <div class="segments" role="group" aria-label="Kind">
      {kinds.map(([key, word, n]) => (
        <button key={key} type="button" aria-pressed={only === key} onClick={() => setQuery({ only: key, item: "" })}>
          {word} <span class="faint num">{n >= MOST ? `${MOST}+` : n}</span>
        </button>
      ))}
    </div>
  );
}

function Line({ item, chosen, choose }: { item: Item; chosen: boolean; choose: () => void }) {
  const state = item.kind === "dead" ? "failed" : item.question.approval ? "approval" : "input";
  return (
    <button type="button" class="inbox-line" aria-current={chosen} onClick={choose}>
      <Glyph state={state} size={15} />
      <span class="inbox-text cut">{item.text || "It failed without a word"}</span>
      <span class="inbox-when faint num">{ago(now() - item.at)}</span>
      <span class="inbox-who faint mono cut">{item.address}</span>
    </button>
  );
}

function Nobody({ only }: { only: string }) {
  return (
    <Empty title={only ? "None of these" : "Nothing waits for you"} icon={<InboxIcon size={28} class="icon" />}>
      <p>
        Agents ask with <code>ctx.ask</code>, policies ask before an action that a rule holds back, and what failed with nobody to tell comes here, too. {plural(counts.value.working ?? 0, "agent")} at work right now.
      </p>
    </Empty>
  );
}
