/** Where we are: the address bar is the one truth, so every view is a link. */
import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
}

function here(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

export const place = signal<Place>(here());

addEventListener("popstate", () => (place.value = here()));

export function go(to: string, replace = false): void {
  if (to === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  place.value = here();
}

/** Changes parts of the query in place; an empty value removes its key. */
export function setQuery(parts: Record<string, string>): void {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(parts)) {
    if (value) query.set(key, value);
    else query.delete(key);
  }
  const text = query.toString();
  go(location.pathname + (text ? `?${text}` : ""), true);
}

/** The link to an agent, or to one of its turns or entries. */
export function agentLink(address: string, parts: Record<string, string | number> = {}): string {
  const query = new URLSearchParams(Object.entries(parts).map(([k, v]) => [k, String(v)]));
  const text = query.toString();
  return `/agents/${address.split("/").map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Links of ours change the view, not the page. */
addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || link.target || link.origin !== location.origin || link.hasAttribute("download")) return;
  if (link.getAttribute("href")?.startsWith("#")) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
