/** The lanes on a canvas: bars for turns, their steps in them, arrows for messages, a sign for what failed or asks. */
import { between, type Chain, type Row, type Rows } from "./rows";
import { arrow, AXIS, BAR, fit, hatch, mark } from "./marks";
import { ticks, type TimeScale } from "./scale";
import { keyOf, toneOf, type LaneStep, type LaneWindow, type Span } from "./types";

export interface Scene {
  wide: number;
  tall: number;
  scroll: number;
  scale: TimeScale;
  rows: Rows;
  data: LaneWindow;
  spans: Span[];
  byKey: Map<string, Span>;
  chain: Chain;
  chosen: string;
  path: string;
  hovered: string;
  now: number;
}

export type Colours = (name: string) => string;

const FADED = 0.22;
const WAITS = new Set(["sleep", "wait", "call", "provider", "source"]);
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const clockSeconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const known = new Map<string, string>();
  return (name) => {
    let value = known.get(name);
    if (value === undefined) known.set(name, (value = style.getPropertyValue(`--${name}`).trim()));
    return value;
  };
}

/** Where a turn's bar lies. */
export function placeOf(span: Span, row: Row, scene: Scene): { left: number; right: number; y: number } {
  const left = (span.began ? scene.scale.x(span.began) : -0.01) * scene.wide;
  const end = span.ended ? scene.scale.x(span.ended) : scene.scale.x(Math.max(span.began, Math.min(scene.now, scene.data.until)));
  return { left, right: Math.max(left + 3, end * scene.wide), y: AXIS + row.top + row.tall / 2 - scene.scroll };
}

export function draw(ctx: CanvasRenderingContext2D, scene: Scene, colour: Colours): void {
  const { wide, tall } = scene;
  ctx.clearRect(0, 0, wide, tall);
  ctx.font = "11px 'Inter Variable', system-ui, sans-serif";
  ctx.textBaseline = "middle";
  const shown = between(scene.rows, scene.scroll - AXIS, scene.scroll + tall);
  ground(ctx, scene, colour, shown);
  if (scene.data.sampled) activity(ctx, scene, colour, shown);
  const there = new Set(shown.map((r) => r.id));
  const visible: { span: Span; row: Row; left: number; right: number; y: number }[] = [];
  for (const span of scene.spans) {
    const row = scene.rows.of.get(span.agent);
    if (!row) continue;
    const at = placeOf(span, row, scene);
    if (at.right < 0 || at.left > wide || !there.has(row.id)) continue;
    visible.push({ span, row, ...at });
  }
  const picked = scene.chain.keys.size > 0;
  for (const each of visible) {
    ctx.globalAlpha = picked && !scene.chain.keys.has(keyOf(each.span.agent, each.span.turn)) ? FADED : 1;
    bar(ctx, scene, colour, each.span, each.left, each.right, each.y, each.row.heading);
  }
  ctx.globalAlpha = 1;
  arrows(ctx, scene, colour, picked);
  for (const each of visible) {
    ctx.globalAlpha = picked && !scene.chain.keys.has(keyOf(each.span.agent, each.span.turn)) ? FADED : 1;
    signs(ctx, scene, colour, each.span, each.right, each.y);
  }
  ctx.globalAlpha = 1;
  for (const sign of scene.data.signs) {
    const row = scene.rows.of.get(sign.agent);
    if (row && there.has(row.id)) mark(ctx, colour, sign.kind === "failed" ? "fail" : "ask", scene.scale.x(sign.at) * wide, AXIS + row.top + row.tall / 2 - scene.scroll);
  }
  axis(ctx, scene, colour);
}

function ground(ctx: CanvasRenderingContext2D, scene: Scene, colour: Colours, shown: Row[]): void {
  for (const row of shown) {
    const y = AXIS + row.top - scene.scroll;
    if (row.heading) {
      ctx.fillStyle = colour("hover");
      ctx.fillRect(0, y, scene.wide, row.tall);
    }
    ctx.fillStyle = colour("line");
    ctx.fillRect(0, y + row.tall - 1, scene.wide, 1);
  }
  ctx.fillStyle = colour("rest-soft");
  for (const gap of scene.scale.gaps) ctx.fillRect(scene.scale.x(gap.from) * scene.wide, 0, (scene.scale.x(gap.to) - scene.scale.x(gap.from)) * scene.wide, scene.tall);
  const complete = scene.scale.x(scene.data.complete) * scene.wide;
  if (scene.data.complete > scene.data.since && complete > 0) hatch(ctx, colour("line"), 0, complete, scene.tall);
}

function axis(ctx: CanvasRenderingContext2D, scene: Scene, colour: Colours): void {
  const { from, to } = scene.scale;
  ctx.fillStyle = colour("ground");
  ctx.fillRect(0, 0, scene.wide, AXIS);
  ctx.fillStyle = colour("line");
  ctx.fillRect(0, AXIS - 1, scene.wide, 1);
  const { every, at } = ticks(from, to, Math.max(2, scene.wide / 110));
  let last = -Infinity;
  for (const t of at) {
    const x = scene.scale.x(t) * scene.wide;
    if (scene.scale.gaps.some((g) => t > g.from && t < g.to) || x - last < 70) continue;
    last = x;
    ctx.fillStyle = colour("line");
    ctx.fillRect(Math.round(x), AXIS - 5, 1, 5);
    ctx.globalAlpha = 0.5;
    ctx.fillRect(Math.round(x), AXIS, 1, scene.tall);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colour("ink-3");
    if (x < scene.wide - 50) ctx.fillText(every >= 864e5 ? day.format(t) : every < 1000 ? `${clockSeconds.format(t)}.${String(Math.round(t) % 1000).padStart(3, "0")}` : every < 60_000 ? clockSeconds.format(t) : every >= 36e5 && new Date(t).getHours() === 0 ? day.format(t) : clock.format(t), x + 4, AXIS / 2);
  }
  const x = scene.scale.x(scene.now) * scene.wide;
  if (x >= 0 && x <= scene.wide) {
    ctx.fillStyle = colour("focus");
    ctx.fillRect(Math.round(x), 0, 1, scene.tall);
  }
}

function activity(ctx: CanvasRenderingContext2D, scene: Scene, colour: Colours, shown: Row[]): void {
  const { data } = scene;
  const there = new Map(shown.map((r) => [r.id, r]));
  const sums = new Map<Row, number[]>();
  for (const lane of data.lanes) {
    const row = scene.rows.of.get(lane.agent);
    if (!row || !there.has(row.id)) continue;
    const sum = sums.get(row) ?? lane.slots.map(() => 0);
    lane.slots.forEach((n, at) => (sum[at] = (sum[at] ?? 0) + n));
    sums.set(row, sum);
  }
  ctx.fillStyle = colour("work");
  for (const [row, slots] of sums) {
    const most = Math.max(...slots, 1);
    const long = (data.until - data.since) / slots.length;
    slots.forEach((n, slot) => {
      if (!n) return;
      const left = scene.scale.x(data.since + slot * long) * scene.wide;
      const right = scene.scale.x(data.since + (slot + 1) * long) * scene.wide;
      const high = Math.max(2, Math.sqrt(n / most) * (row.tall - 8));
      ctx.globalAlpha = 0.75;
      ctx.fillRect(left, AXIS + row.top - scene.scroll + row.tall - 4 - high, Math.max(1, right - left - 1), high);
    });
  }
  ctx.globalAlpha = 1;
}

function bar(ctx: CanvasRenderingContext2D, scene: Scene, colour: Colours, span: Span, left: number, right: number, y: number, thin: boolean): void {
  const tone = toneOf(span);
  const high = thin ? 8 : BAR;
  const top = y - high / 2;
  ctx.fillStyle = colour(`${tone}-soft`);
  ctx.beginPath();
  ctx.roundRect(left, top, right - left, high, 3);
  ctx.fill();
  if (!thin) for (const step of span.steps) stepIn(ctx, scene, colour, span, step, right, y);
  ctx.fillStyle = colour(tone);
  ctx.fillRect(Math.max(left, -1), top, 2, high);
  if (!thin) ctx.fillRect(left, top + high - 2, right - left, 2);
  const key = keyOf(span.agent, span.turn);
  if (key === scene.chosen || key === scene.hovered) {
    ctx.strokeStyle = colour(key === scene.chosen ? "focus" : "line-strong");
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.roundRect(left - 2, top - 2, right - left + 4, high + 4, 4);
    ctx.stroke();
  }
  const room = Math.min(right, scene.wide) - Math.max(left, 0);
  if (!thin && room > 64) {
    ctx.fillStyle = colour("ink");
    ctx.fillText(fit(ctx, span.handler, room - 14), Math.max(left, 0) + 7, y - 0.5);
  }
}

function stepIn(ctx: CanvasRenderingContext2D, scene: Scene, colour: Colours, span: Span, step: LaneStep, right: number, y: number): void {
  const [, path, verb, , began, ended, failed] = step;
  const a = scene.scale.x(began || span.began || scene.scale.from) * scene.wide;
  const b = ended ? scene.scale.x(ended) * scene.wide : right;
  if (b < 0 || a > scene.wide) return;
  const chosen = scene.path === path && path && keyOf(span.agent, span.turn) === scene.chosen;
  if (WAITS.has(verb) && !failed && !chosen) {
    if (b - a < 4) return;
    ctx.clearRect(a, y - BAR / 2 + 2, b - a, BAR - 4); // nothing of its own runs meanwhile
    ctx.fillStyle = colour("line-strong");
    ctx.fillRect(a, y - 0.5, b - a, 1);
    return;
  }
  if (b - a < 1.2 && !failed && !chosen) return;
  ctx.fillStyle = colour(failed ? "trouble" : verb === "ask" ? "person" : verb === "model" ? "wait" : verb === "call" || verb === "send" ? "good" : "work");
  const before = ctx.globalAlpha;
  ctx.globalAlpha = before * (chosen ? 0.95 : 0.42);
  ctx.fillRect(a, y - BAR / 2 + 2, Math.max(1.5, b - a), BAR - 4);
  ctx.globalAlpha = before;
}

function signs(ctx: CanvasRenderingContext2D, scene: Scene, colour: Colours, span: Span, right: number, y: number): void {
  for (const [, , verb, , began, ended, failed] of span.steps) {
    if (failed) mark(ctx, colour, "fail", scene.scale.x(ended || began) * scene.wide, y);
    else if (verb === "ask") mark(ctx, colour, "ask", scene.scale.x(began || ended) * scene.wide, y);
  }
  if (span.error && !span.failures) mark(ctx, colour, "fail", right, y);
}

/** Messages: from the step that sent one to the turn that it began; of the chosen chain also the answers. */
function arrows(ctx: CanvasRenderingContext2D, scene: Scene, colour: Colours, picked: boolean): void {
  const y = (row: Row): number => AXIS + row.top + row.tall / 2 - scene.scroll;
  for (const span of scene.spans) {
    const to = scene.rows.of.get(span.agent);
    if (!span.cause || !to || !span.began) continue;
    const from = scene.rows.of.get(span.cause[0]);
    const x = scene.scale.x(span.began) * scene.wide;
    if (!from || from === to || x < -40 || x > scene.wide + 40) continue;
    const lit = scene.chain.keys.has(keyOf(span.agent, span.turn)) && scene.chain.keys.has(keyOf(span.cause[0], span.cause[1]));
    if (Math.max(y(from), y(to)) < AXIS || Math.min(y(from), y(to)) > scene.tall) continue;
    const sender = scene.byKey.get(keyOf(span.cause[0], span.cause[1]))?.steps.find((s) => s[1] === span.cause?.[2]);
    const start = Math.min(x, scene.scale.x(sender?.[4] || span.began) * scene.wide);
    ctx.globalAlpha = lit ? 1 : picked ? FADED : 0.6;
    ctx.strokeStyle = ctx.fillStyle = lit ? colour("focus") : colour("ink-3");
    ctx.lineWidth = lit ? 2 : 1;
    arrow(ctx, start, y(from), x, y(to));
    if (lit && sender?.[2] === "call" && span.ended && sender[5]) {
      ctx.setLineDash([3, 3]);
      arrow(ctx, scene.scale.x(span.ended) * scene.wide, y(to), Math.max(scene.scale.x(span.ended), scene.scale.x(sender[5])) * scene.wide, y(from));
      ctx.setLineDash([]);
    }
  }
  ctx.globalAlpha = 1;
}

/** What lies under a point: a turn and perhaps one of its steps, or a sign of a sampled window. */
export function under(scene: Scene, x: number, y: number): { span?: Span; step?: LaneStep; sign?: LaneWindow["signs"][number]; row?: Row } {
  const row = between(scene.rows, y + scene.scroll - AXIS, y + scene.scroll - AXIS + 1)[0];
  if (!row || y < AXIS) return {};
  for (const sign of scene.data.signs) {
    if (scene.rows.of.get(sign.agent) === row && Math.abs(scene.scale.x(sign.at) * scene.wide - x) < 8) return { sign, row };
  }
  let best: Span | undefined;
  let near = 6;
  for (const span of scene.spans) {
    if (scene.rows.of.get(span.agent) !== row) continue;
    const at = placeOf(span, row, scene);
    const off = x < at.left ? at.left - x : x > at.right ? x - at.right : 0;
    if (off <= near) [best, near] = [span, off];
  }
  const t = scene.scale.at(x / scene.wide);
  const slack = Math.abs(scene.scale.at((x + 4) / scene.wide) - t);
  const over = best?.steps.filter((s) => t >= (s[4] || 0) - slack && t <= (s[5] || Infinity) + slack) ?? [];
  const step = over.find((s) => s[6]) ?? over.find((s) => s[2] === "ask") ?? over.at(-1);
  return { row, ...(best && { span: best }), ...(best && step && { step }) };
}
