/** Saved views: ways to look at the fleet that somebody gave a name; everybody has the same ones. */
import { call } from "../../data/api";
import { place } from "../../data/router";
import type { Done, SavedView } from "../../data/types";
import { Saved } from "../../ui/saved";
import { useCall } from "../../ui/use";

export function SavedViews({ page, path }: { page: string; path: string }) {
  const { value, again } = useCall<SavedView[]>("views", {});
  const query = place.value.query.toString();
  const all = (value ?? []).filter((v) => v.page === page).map((v) => ({ name: v.name, href: path + (v.query ? `?${v.query}` : ""), chosen: v.query === query }));
  return (
    <Saved
      word="view"
      all={all}
      offer={query !== "" && !all.some((v) => v.chosen)}
      example="Refunds that wait"
      save={(name) => call<SavedView>("save_view", { name, page, query })}
      saved={again}
      drop={(name) => call<Done>("drop_view", { name, page })}
      dropped={again}
    />
  );
}
