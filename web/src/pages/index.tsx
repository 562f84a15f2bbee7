/** The pages: where each is, what it is called, which key leads there. */
import type { ComponentType } from "preact";
import type { LucideIcon } from "lucide-preact";
import { lazy } from "./lazy";
import { Activity, BookOpen, GitBranch, Inbox, Radar, Search, ShieldCheck, Wallet } from "lucide-preact";
import { FleetPage } from "./fleet/fleet";
import { InboxPage } from "./inbox/inbox";
import { AgentPage } from "./agent/agent";

export interface Page {
  path: string;
  name: string;
  key: string;
  Icon: LucideIcon;
  View: ComponentType;
  title: (path: string) => string;
  /** Shown in the bar of a phone. */
  first?: boolean;
  hidden?: boolean;
  /** Its parts have paths of their own below it. */
  below?: boolean;
}

/** What is looked at below a page names it: its last parts. */
const titled = (path: string): string => {
  const [, page = "", ...parts] = path.split("/").map(decodeURIComponent);
  const named = `${page.charAt(0).toUpperCase()}${page.slice(1)} · Holdfast`;
  return parts.length > 2 ? `${parts.slice(1).join("/")} · ${named}` : parts.length ? `${parts.at(-1)} · ${named}` : named;
};
const named = (name: string) => () => `${name} · Holdfast`;

export const PAGES: Page[] = [
  { path: "/", name: "Fleet", key: "f", Icon: Radar, View: FleetPage, title: named("Fleet"), first: true },
  { path: "/inbox", name: "Inbox", key: "i", Icon: Inbox, View: InboxPage, title: named("Inbox"), first: true },
  { path: "/brief", name: "Brief", key: "b", Icon: BookOpen, View: lazy(() => import("./brief/brief").then((m) => m.BriefPage)), title: named("Brief"), first: true },
  { path: "/search", name: "Search", key: "s", Icon: Search, View: lazy(() => import("./search/search").then((m) => m.SearchPage)), title: named("Search"), first: true },
  { path: "/causality", name: "Causality", key: "c", Icon: GitBranch, View: lazy(() => import("./causality/causality").then((m) => m.CausalityPage)), title: named("Causality") },
  { path: "/money", name: "Money and models", key: "m", Icon: Wallet, View: lazy(() => import("./money/money").then((m) => m.MoneyPage)), title: named("Money and models") },
  { path: "/governance", name: "Governance", key: "o", Icon: ShieldCheck, View: lazy(() => import("./governance/governance").then((m) => m.GovernancePage)), title: titled, below: true },
  {
    path: "/agents/",
    name: "Agent",
    key: "",
    Icon: Activity,
    View: AgentPage,
    title: (path) => `${decodeURIComponent(path.slice("/agents/".length))} · Holdfast`,
    hidden: true,
  },
];

const FIRST = PAGES[0] as Page;

export function pageOf(path: string): Page {
  return PAGES.find((p) => p.path === path) ?? PAGES.find((p) => (p.hidden && path.startsWith(p.path)) || (p.below && path.startsWith(`${p.path}/`))) ?? FIRST;
}
