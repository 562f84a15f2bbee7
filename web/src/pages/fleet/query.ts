/** What the fleet is asked for, as it stands in the address bar. */
import type { State } from "../../data/types";

export interface FleetQuery {
  text: string;
  states: State[];
  name: string;
  quiet: boolean;
  order: string;
  owner: string;
  team: string;
  group: string;
}

export function queryOf(params: URLSearchParams): FleetQuery {
  return {
    text: params.get("q") ?? "",
    states: (params.get("state") ?? "").split(",").filter(Boolean) as State[],
    name: params.get("kind") ?? "",
    quiet: params.get("idle") !== "hide",
    order: params.get("order") ?? "need",
    owner: params.get("owner") ?? "",
    team: params.get("team") ?? "",
    group: params.get("group") ?? "",
  };
}

/** By need the states lie together already. */
export function inStates(query: FleetQuery): boolean {
  return query.order === "need" && !query.group;
}

export const ORDERS: [string, string][] = [
  ["need", "Most urgent first"],
  ["recent", "Latest change first"],
  ["cost", "Dearest first"],
  ["entries", "Longest journal first"],
  ["name", "By name"],
];

export const GROUPS: [string, string][] = [
  ["", "No groups"],
  ["state", "By state"],
  ["kind", "By kind"],
  ["owner", "By owner"],
  ["team", "By team"],
];
