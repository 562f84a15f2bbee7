/** Your saved searches: ask one again, watch it, and have it tell you or your agents of what it finds. */
import { useState } from "preact/hooks";
import { Bell, Bookmark, X } from "lucide-preact";
import { call } from "../../data/api";
import { go, place } from "../../data/router";
import type { Done } from "../../data/types";
import { Button, Dialog } from "../../ui/controls";
import { attempt } from "../../ui/toast";

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
}

export function SavedSearches({ all, chosen, asked, again }: Props) {
  const [naming, setNaming] = useState(false);
  const drop = async (search: SavedSearch): Promise<void> => {
    if (await attempt(() => call<Done>("drop_search", { name: search.name }), (done) => done.note)) again();
  };
  const something = Boolean(asked.q.trim() || asked.agent || asked.verb || asked.by || asked.failed);
  return (
    <>
      {all.length > 0 && (
        <div class="views" role="group" aria-label="Saved searches">
          {all.map((s) => (
            <span key={s.name} class={s === chosen ? "view chosen" : "view"}>
              <a href={linkOf(s)} title={s.notify ? `Tells ${s.notify === "inbox" ? "the inbox" : s.notify} of what is new` : undefined}>
                {s.name}
                {s.notify && <Bell size={12} class="icon" aria-label="tells of what is new" />}
              </a>
              {s === chosen && (
                <button type="button" aria-label={`Forget the search ${s.name}`} onClick={() => void drop(s)}>
                  <X size={12} class="icon" />
                </button>
              )}
            </span>
          ))}
        </div>
      )}
      {something && !chosen && (
        <Button kind="ghost" icon={<Bookmark size={14} class="icon" />} onClick={() => setNaming(true)}>
          Save search
        </Button>
      )}
      {naming && <Naming asked={asked} close={() => setNaming(false)} done={again} />}
    </>
  );
}

function Naming({ asked, close, done }: { asked: Asked; close: () => void; done: () => void }) {
  const [name, setName] = useState(place.value.query.get("saved") ?? "");
  const [tells, setTells] = useState("");
  const [topic, setTopic] = useState("");
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    const { q: text, ...rest } = asked;
    const notify = tells === "topic" ? `topic:${topic.trim()}` : tells;
    const saved = await attempt(() => call<SavedSearch>("save_search", { name, text, ...rest, notify }), (s) => `Saved as ${s.name}`);
    if (!saved) return;
    done();
    close();
    go(linkOf(saved), true);
  };
  return (
    <Dialog title="Save this search" close={close}>
      <h2 class="dialog-title">Save this search</h2>
      <form class="dialog-body stack" onSubmit={(event) => void save(event)}>
        <label class="field">
          <span class="hidden-text">Name</span>
          <input value={name} autofocus required maxLength={80} placeholder="Name, e.g. Refunds that fail" onInput={(e) => setName(e.currentTarget.value)} />
        </label>
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
        <div class="dialog-foot">
          <Button kind="ghost" onClick={close}>
            Cancel
          </Button>
          <button type="submit" class="button primary">
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
