/** What the fleet is asked for, as it stands in the address bar. */
import type { State } from "../../data/types";

export interface FleetQuery {
  text: string;
  states: State[];
  name: string;
  quiet: boolean;
  order: string;
}

export function queryOf(params: URLSearchParams): FleetQuery {
  return {
    text: params.get("q") ?? "",
    states: (params.get("state") ?? "").split(",").filter(Boolean) as State[],
    name: params.get("kind") ?? "",
    quiet: params.get("idle") !== "hide",
    order: params.get("order") ?? "need",
  };
}

export const ORDERS: [string, string][] = [
  ["need", "Most urgent first"],
  ["recent", "Latest change first"],
  ["cost", "Dearest first"],
  ["entries", "Longest journal first"],
  ["name", "By name"],
];
