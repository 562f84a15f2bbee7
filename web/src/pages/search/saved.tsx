/** Your saved searches: ask one again, watch it, and have it tell you or your agents of what it finds. */
import { useState } from "preact/hooks";
import { call } from "../../data/api";
import { go, place } from "../../data/router";
import type { Done } from "../../data/types";
import { Saved } from "../../ui/saved";

export interface SavedSearch {
  name: string;
  text: string;
  agent: string;
  verb: string;
  by: string;
  failed: boolean;
  notify: string;
}

export interface Asked {
  q: string;
  agent: string;
  verb: string;
  by: string;
  failed: boolean;
}

export function linkOf(search: SavedSearch): string {
  const query = new URLSearchParams();
  const parts = { q: search.text, agent: search.agent, verb: search.verb, by: search.by, failed: search.failed ? "1" : "", saved: search.name };
  for (const [key, value] of Object.entries(parts)) if (value) query.set(key, value);
  return `/search?${query.toString()}`;
}

/** The saved search that the page shows, as long as nothing of it was changed. */
export function chosenOf(all: SavedSearch[], asked: Asked): SavedSearch | undefined {
  const name = place.value.query.get("saved");
  const is = (s: SavedSearch): boolean => s.text === asked.q && s.agent === asked.agent && s.verb === asked.verb && s.by === asked.by && s.failed === asked.failed;
  return all.find((s) => s.name === name && is(s));
}

interface Props {
  all: SavedSearch[];
  chosen: SavedSearch | undefined;
  asked: Asked;
  again: () => void;
  /** Ends the watch before what it watches is gone, and begins it again if that could not be forgotten. */
  watch: (on: boolean) => void;
}

export function SavedSearches({ all, chosen, asked, again, watch }: Props) {
  const [tells, setTells] = useState("");
  const [topic, setTopic] = useState("");
  const { q: text, ...rest } = asked;
  const notify = tells === "topic" ? `topic:${topic.trim()}` : tells;
  const something = Boolean(text.trim() || asked.agent || asked.verb || asked.by || asked.failed);
  const drop = (name: string): Promise<Done> => {
    watch(false);
    return call<Done>("drop_search", { name });
  };
  const dropped = (done: boolean): void => (done ? again() : watch(true));
  return (
    <Saved
      word="search"
      all={all.map((s) => ({ name: s.name, href: linkOf(s), chosen: s === chosen, tells: s.notify === "inbox" ? "the inbox" : s.notify }))}
      offer={something && !chosen}
      example="Refunds that fail"
      name={place.value.query.get("saved") ?? ""}
      save={(name) => call<SavedSearch>("save_search", { name, text, ...rest, notify })}
      saved={(name) => {
        again();
        go(linkOf({ name, text, ...rest, notify }), true);
      }}
      drop={drop}
      dropped={dropped}
    >
      <label class="stack">
        <span class="faint">What is new</span>
        <select class="select" value={tells} onChange={(e) => setTells(e.currentTarget.value)}>
          <option value="">shows while you watch it</option>
          <option value="inbox">is told of in the inbox, too</option>
          <option value="topic">is published to agents, too</option>
        </select>
      </label>
      {tells === "topic" && (
        <label class="field">
          <span class="hidden-text">Topic</span>
          <input value={topic} required placeholder="Topic, e.g. alerts.refunds" onInput={(e) => setTopic(e.currentTarget.value)} />
        </label>
      )}
    </Saved>
  );
}
