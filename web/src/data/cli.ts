/** The command line's equivalent of what a button does, so that whatever is done here can be scripted. */

import type { Similar } from "./types";

function quoted(text: string): string {
  return /^[\w@%+=:,./#-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function line(...parts: string[]): string {
  return ["holdfast", ...parts.filter(Boolean)].join(" ");
}

export const cli = {
  ps: (all: boolean): string => line("ps", all ? "--all" : ""),
  journal: (address: string): string => line("journal", quoted(address), "-f"),
  send: (address: string, handler: string, args: string[]): string => line("send", quoted(address), handler, ...args.map(quoted)),
  answer: (id: string, value: string): string => line("answer", quoted(id), quoted(value)),
  approve: (id: string, deny: boolean): string => line("approve", quoted(id), deny ? "--deny" : ""),
  similar: (id: string, s: Similar): string =>
    line(
      "approve",
      quoted(id),
      "--similar",
      ...Object.entries(s.at_most).map(([k, n]) => `--at-most ${quoted(`${k}=${n}`)}`),
      ...s.any.map((k) => `--any ${quoted(k)}`),
      ...Object.entries(s.total).map(([k, n]) => `--total ${quoted(`${k}=${n}`)}`),
      s.uses ? `--uses ${s.uses}` : "",
      `--for ${s.seconds / 3600}h`,
      s.agents && `--agents ${quoted(s.agents)}`,
      s.unseen ? "--unseen" : "",
    ),
  act: (verb: string, address: string, why = ""): string => line(verb, quoted(address), why && `--why ${quoted(why)}`),
  steer: (address: string, words: string, turn: number): string => line("steer", quoted(address), quoted(words), turn ? `--turn ${turn}` : ""),
  fork: (address: string, to: string, turn: number, before: string, newest: boolean): string =>
    line("fork", quoted(address), quoted(to), turn ? `--turn ${turn}` : "", before && `--before ${before}`, newest ? "--newest" : ""),
  brief: (since: string, model: string): string => line("brief", since && `--since ${since}`, model && `--model ${quoted(model)}`),
  readBrief: (until: number): string => line("brief", "read", until ? `--until ${until}` : ""),
  redeliver: (id: number): string => line("dead", "retry", String(id)),
  get: (resource: string, drift = false): string => line("get", resource && quoted(resource), drift ? "--drift" : ""),
  history: (resource: string, before: number, after: number): string => line("history", quoted(resource), before || after ? `--diff ${before ? `${before}..${after}` : after}` : ""),
  rollback: (resource: string, version: number, digest: string, why: string): string =>
    line("rollback", quoted(resource), `--to ${version}`, digest ? `--plan ${digest}` : "--preview", why && `-m ${quoted(why)}`),
  plan: (set: string, force: boolean): string => line("plan", "-f FILE", set && set !== "default" ? `--set ${quoted(set)}` : "", force ? "--force" : ""),
  apply: (set: string, force: boolean, digest: string, why: string): string =>
    line("apply", "-f FILE", set && set !== "default" ? `--set ${quoted(set)}` : "", force ? "--force" : "", digest && `--plan ${digest}`, why && `-m ${quoted(why)}`),
  export: (kind: string): string => line("export", kind && quoted(kind)),
  policyTest: (name: string): string => line("policy", "test", name && `--name ${quoted(name)}`),
  policyDryRun: (since: string, agent: string): string => line("policy", "dry-run", "FILE", `--since ${since}`, agent && `--agent ${quoted(agent)}`),
  decisions: (outcomes: string[], rule: string, agent: string): string =>
    line("decisions", ...outcomes.map((o) => `--outcome ${o}`), rule && `--rule ${quoted(rule)}`, agent && `--agent ${quoted(agent)}`),
  why: (address: string, turn: number, path: string): string => line("why", quoted(`${address}#${turn}.${path}`)),
  trip: (scope: string, what: string, action: string, why: string): string =>
    line("breaker", "trip", scope, what && quoted(what), action && `--action ${action}`, why && `--reason ${quoted(why)}`),
  reset: (name: string, why: string): string => line("breaker", "reset", quoted(name), why && `--reason ${quoted(why)}`),
  discard: (id: number): string => line("dead", "discard", String(id)),
};
