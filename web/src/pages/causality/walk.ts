/** From one turn back to what caused it, and on to the turns that it caused: stories followed from agent to agent. */
import { call } from "../../data/api";
import type { Glance, Story } from "../../data/types";

export interface Node {
  agent: string;
  turn: number;
  story: Story;
  /** The step of the turn above that made it; "" for the first. */
  by: { agent: string; turn: number; path: string } | null;
}

const MOST = 24;

async function storyOf(address: string, turn: number): Promise<Story | undefined> {
  try {
    return await call<Story>("story", { address, turn, limit: 500 });
  } catch {
    return undefined; // forgotten by retention, or not ours to see
  }
}

/** The chain of causes, the outermost first; the asked turn is the last. */
export async function causes(agent: string, turn: number): Promise<Node[]> {
  const chain: Node[] = [];
  let at: { agent: string; turn: number } | null = { agent, turn };
  while (at && chain.length < MOST) {
    const story: Story | undefined = await storyOf(at.agent, at.turn);
    if (!story) break;
    chain.unshift({ agent: at.agent, turn: at.turn, story, by: story.cause });
    at = story.cause;
  }
  return chain;
}

/** The turns that a turn's calls and messages caused, one level down. */
export async function effects(node: Node): Promise<Node[]> {
  const targets = new Set<string>();
  for (const entry of node.story.entries) {
    const to = (entry.detail as { to?: unknown } | null)?.to;
    if ((entry.verb === "call" || entry.verb === "send") && typeof to === "string" && to.includes("/")) targets.add(to.replace(/^default\//, ""));
  }
  const found: Node[] = [];
  for (const address of [...targets].slice(0, MOST)) {
    const glance = await call<Glance>("glance", { address }).catch(() => undefined);
    const near = (glance?.turns ?? []).filter((t) => t.sender === node.agent && t.began >= node.story.line.began - 1000 && t.began <= (node.story.line.ended || Infinity) + 1000);
    for (const line of near.slice(0, 6)) {
      const story = await storyOf(address, line.turn);
      if (story?.cause?.agent === node.agent && story.cause.turn === node.turn) found.push({ agent: address, turn: line.turn, story, by: story.cause });
    }
  }
  return found;
}
