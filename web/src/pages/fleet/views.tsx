/** Saved views: ways to look at the fleet that somebody gave a name; everybody has the same ones. */
import { useState } from "preact/hooks";
import { Bookmark, X } from "lucide-preact";
import { call } from "../../data/api";
import { go, place } from "../../data/router";
import type { Done, SavedView } from "../../data/types";
import { Button, Dialog } from "../../ui/controls";
import { attempt } from "../../ui/toast";
import { useCall } from "../../ui/use";

export function SavedViews({ page, path }: { page: string; path: string }) {
  const { value, again } = useCall<SavedView[]>("views", {});
  const [naming, setNaming] = useState(false);
  const query = place.value.query.toString();
  const mine = (value ?? []).filter((v) => v.page === page);
  const saved = mine.some((v) => v.query === query);
  const drop = async (view: SavedView): Promise<void> => {
    await attempt(() => call<Done>("drop_view", { name: view.name, page }), (done) => done.note);
    again();
  };
  return (
    <>
      {mine.length > 0 && (
        <div class="views" role="group" aria-label="Saved views">
          {mine.map((v) => (
            <span key={v.name} class={v.query === query ? "view chosen" : "view"}>
              <a href={path + (v.query ? `?${v.query}` : "")}>{v.name}</a>
              {v.query === query && (
                <button type="button" aria-label={`Forget the view ${v.name}`} onClick={() => void drop(v)}>
                  <X size={12} class="icon" />
                </button>
              )}
            </span>
          ))}
        </div>
      )}
      {query && !saved && (
        <Button kind="ghost" icon={<Bookmark size={14} class="icon" />} onClick={() => setNaming(true)}>
          Save view
        </Button>
      )}
      {naming && <Naming page={page} query={query} close={() => setNaming(false)} done={again} />}
    </>
  );
}

function Naming({ page, query, close, done }: { page: string; query: string; close: () => void; done: () => void }) {
  const [name, setName] = useState("");
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    const view = await attempt(() => call<SavedView>("save_view", { name, page, query }), (v) => `Saved as ${v.name}`);
    if (!view) return;
    done();
    close();
    go(location.pathname + `?${query}`, true);
  };
  return (
    <Dialog title="Save this view" close={close}>
      <h2 class="dialog-title">Save this view</h2>
      <form class="dialog-body" onSubmit={(event) => void save(event)}>
        <label class="field">
          <span class="hidden-text">Name</span>
          <input value={name} autofocus required maxLength={80} placeholder="Name, e.g. Refunds that wait" onInput={(e) => setName(e.currentTarget.value)} />
        </label>
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
