/** Ways to look that were given a name, as links; the one that is shown can be forgotten, what is not saved can be named. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Bell, Bookmark, X } from "lucide-preact";
import type { Done } from "../data/types";
import { Button, Dialog } from "./controls";
import { attempt } from "./toast";

export interface Kept {
  name: string;
  href: string;
  chosen: boolean;
  /** Who is told of what is new there. */
  tells?: string;
}

interface Props {
  word: "view" | "search";
  all: Kept[];
  /** Whether what is shown now can be given a name. */
  offer: boolean;
  example: string;
  name?: string;
  /** More to say about it than its name. */
  children?: ComponentChildren;
  save: (name: string) => Promise<{ name: string }>;
  saved: (name: string) => void;
  drop: (name: string) => Promise<Done>;
  dropped: (done: boolean) => void;
}

export function Saved({ word, all, offer, drop, dropped, ...naming }: Props) {
  const [open, setOpen] = useState(false);
  const forget = async (name: string): Promise<void> => dropped((await attempt(() => drop(name), (done) => done.note)) !== undefined);
  return (
    <>
      {all.length > 0 && (
        <div class="views" role="group" aria-label={word === "view" ? "Saved views" : "Saved searches"}>
          {all.map((kept) => (
            <span key={kept.name} class={kept.chosen ? "view chosen" : "view"}>
              <a href={kept.href} title={kept.tells ? `Tells ${kept.tells} of what is new` : undefined}>
                {kept.name}
                {kept.tells && <Bell size={12} class="icon" aria-label="tells of what is new" />}
              </a>
              {kept.chosen && (
                <button type="button" aria-label={`Forget the ${word} ${kept.name}`} onClick={() => void forget(kept.name)}>
                  <X size={12} class="icon" />
                </button>
              )}
            </span>
          ))}
        </div>
      )}
      {offer && (
        <Button kind="ghost" icon={<Bookmark size={14} class="icon" />} onClick={() => setOpen(true)}>
          Save {word}
        </Button>
      )}
      {open && <Naming word={word} {...naming} close={() => setOpen(false)} />}
    </>
  );
}

type NamingProps = Omit<Props, "all" | "offer" | "drop" | "dropped"> & { close: () => void };

function Naming({ word, example, name: first = "", children, save, saved, close }: NamingProps) {
  const [name, setName] = useState(first);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const kept = await attempt(() => save(name), (k) => `Saved as ${k.name}`);
    if (!kept) return;
    close();
    saved(kept.name);
  };
  return (
    <Dialog title={`Save this ${word}`} close={close}>
      <h2 class="dialog-title">Save this {word}</h2>
      <form class="dialog-body stack" onSubmit={(event) => void submit(event)}>
        <label class="field">
          <span class="hidden-text">Name</span>
          <input value={name} autofocus required maxLength={80} placeholder={`Name, e.g. ${example}`} onInput={(e) => setName(e.currentTarget.value)} />
        </label>
        {children}
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
