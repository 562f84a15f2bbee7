/** The lanes themselves: drawn on a canvas as tall as the window, names beside it; zoomed, moved and walked with pointer and keys. */
import type { Ref } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { ChevronDown, ChevronRight } from "lucide-preact";
import { moment, took } from "../../data/format";
import { now } from "../../data/live";
import { agentLink } from "../../data/router";
import { theme } from "../../data/theme";
import { coloursOf, draw, under, type Scene } from "./draw";
import { AXIS } from "./marks";
import { between, type Chain, type Row, type Rows } from "./rows";
import type { TimeScale } from "./scale";
import { keyOf, wordOf, type LaneStep, type LaneWindow, type Span } from "./types";
import { living, within, type Frame } from "./view";

interface Props {
  frame: Frame;
  move: (frame: Frame) => void;
  scale: TimeScale;
  rows: Rows;
  data: LaneWindow;
  spans: Map<string, Span>;
  chain: Chain;
  chosen: string;
  path: string;
  choose: (span: { agent: string; turn: number } | undefined, path?: string) => void;
  toggle: (row: Row) => void;
  box: Ref<HTMLDivElement>;
}

interface Hover {
  x: number;
  y: number;
  span?: Span;
  step?: LaneStep;
  sign?: LaneWindow["signs"][number];
}

const CLICK_PX = 4;

/** A window zoomed about one of its moments. */
export function zoomed(frame: Frame, factor: number, about: number): Frame {
  const from = about - (about - frame.from) * factor;
  const to = about + (frame.to - about) * factor;
  return within(from, to);
}

export function Chart({ frame, move, scale, rows, data, spans, chain, chosen, path, choose, toggle, box }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ wide: 600, tall: 400 });
  const [scroll, setScroll] = useState(0);
  const [hover, setHover] = useState<Hover>();
  const list = useMemo(() => [...spans.values()], [spans]);
  const scene: Scene = {
    ...size, scroll, scale, rows, data, spans: list, byKey: spans, chain, chosen, path, now: now(),
    hovered: hover?.span ? keyOf(hover.span.agent, hover.span.turn) : "",
  };
  const latest = useRef({ scene, frame, move });
  latest.current = { scene, frame, move };

  useLayoutEffect(() => {
    const [element, around] = [canvas.current, scroller.current];
    if (!element || !around) return;
    const measure = (): void => setSize({ wide: element.clientWidth, tall: around.clientHeight });
    const watch = new ResizeObserver(measure);
    watch.observe(around);
    measure();
    return () => watch.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = canvas.current;
    const ctx = element?.getContext("2d");
    if (!element || !ctx) return;
    const ratio = window.devicePixelRatio || 1;
    if (element.width !== Math.round(size.wide * ratio)) element.width = Math.round(size.wide * ratio);
    if (element.height !== Math.round(size.tall * ratio)) element.height = Math.round(size.tall * ratio);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(ctx, scene, coloursOf(element));
  });
  void theme.value; // its colours are drawn

  useEffect(() => {
    const row = rows.of.get(chosen.slice(0, chosen.lastIndexOf("#")));
    const element = scroller.current;
    if (!row || !element) return;
    const tall = element.clientHeight - AXIS;
    if (row.top < element.scrollTop || row.top + row.tall > element.scrollTop + tall) element.scrollTop = Math.max(0, row.top - tall / 2);
  }, [chosen, rows.tall]);

  useGestures(canvas, scroller, latest, setHover, choose);

  const names = between(rows, scroll - 200, scroll + size.tall + 200);
  return (
    <div class="lanes" ref={box}>
      <div class="lanes-scroll" ref={scroller} onScroll={(e) => setScroll(e.currentTarget.scrollTop)}>
        <div class="lanes-in" style={{ height: `${rows.tall + AXIS}px` }}>
          <div class="lanes-names">
            {names.map((row) => (
              <div key={row.id} class={row.heading ? "lane-name heading" : row.id === chosen.slice(0, chosen.lastIndexOf("#")) ? "lane-name chosen" : "lane-name"} style={{ transform: `translateY(${row.top + AXIS}px)`, height: `${row.tall}px` }}>
                {row.heading ? (
                  <button type="button" aria-expanded={row.open} onClick={() => toggle(row)}>
                    {row.open ? <ChevronDown size={13} class="icon" /> : <ChevronRight size={13} class="icon" />}
                    <span class="cut">{row.kind}</span> <span class="faint num">{row.agents}</span>
                  </button>
                ) : (
                  <a class="mono cut" href={agentLink(row.id)} title={row.id}>
                    {row.id}
                  </a>
                )}
              </div>
            ))}
          </div>
          <canvas ref={canvas} class="lanes-canvas" style={{ height: `${size.tall}px` }} aria-hidden="true" />
        </div>
      </div>
      {hover && (hover.span || hover.sign) && <Tip hover={hover} wide={size.wide} />}
    </div>
  );
}

type Latest = { current: { scene: Scene; frame: Frame; move: (frame: Frame) => void } };

/** Wheel and pinch zoom about the pointer; a drag moves; a press chooses. */
function useGestures(canvas: { current: HTMLCanvasElement | null }, scroller: { current: HTMLDivElement | null }, latest: Latest, setHover: (hover: Hover | undefined) => void, choose: Props["choose"]): void {
  const chooser = useRef(choose);
  chooser.current = choose;
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const pointers = new Map<number, { x: number; y: number }>();
    let moved = 0;
    const spot = (event: MouseEvent): { x: number; y: number } => {
      const box = element.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const pan = (by: number): void => {
      const { scene, frame, move } = latest.current;
      const ms = scene.scale.at(by / scene.wide) - scene.scale.at(0);
      move(within(frame.from - ms, frame.to - ms));
    };
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      const { scene, frame, move } = latest.current;
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return pan(-(event.deltaX || event.deltaY));
      move(zoomed(frame, Math.exp(event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), scene.scale.at(spot(event).x / scene.wide)));
    };
    const onDown = (event: PointerEvent): void => {
      if (event.button) return;
      element.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, spot(event));
      moved = 0;
    };
    const onMove = (event: PointerEvent): void => {
      const at = spot(event);
      const last = pointers.get(event.pointerId);
      if (!last) {
        const found = under(latest.current.scene, at.x, at.y);
        element.style.cursor = found.span || found.sign ? "pointer" : "grab";
        return setHover(found.span || found.sign ? { ...at, ...found } : undefined);
      }
      const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      pointers.set(event.pointerId, at);
      moved += Math.abs(at.x - last.x) + Math.abs(at.y - last.y);
      if (moved < CLICK_PX) return;
      setHover(undefined);
      const other = others[0];
      if (other) {
        const { scene, frame, move } = latest.current;
        const factor = Math.max(20, Math.abs(last.x - other.x)) / Math.max(20, Math.abs(at.x - other.x));
        return move(zoomed(frame, factor, scene.scale.at((at.x + other.x) / 2 / scene.wide)));
      }
      element.style.cursor = "grabbing";
      if (at.x !== last.x) pan(at.x - last.x);
      if (scroller.current) scroller.current.scrollTop -= at.y - last.y;
    };
    const onUp = (event: PointerEvent): void => {
      if (!pointers.delete(event.pointerId) || moved >= CLICK_PX) return;
      const at = spot(event);
      const found = under(latest.current.scene, at.x, at.y);
      if (found.sign) chooser.current(found.sign);
      else chooser.current(found.span, found.step?.[1] ?? "");
    };
    const onLeave = (): void => setHover(undefined);
    const onCancel = (event: PointerEvent): void => void pointers.delete(event.pointerId);
    element.addEventListener("wheel", onWheel, { passive: false });
    element.addEventListener("pointerdown", onDown);
    element.addEventListener("pointermove", onMove);
    element.addEventListener("pointerup", onUp);
    element.addEventListener("pointercancel", onCancel);
    element.addEventListener("pointerleave", onLeave);
    return () => {
      element.removeEventListener("wheel", onWheel);
      element.removeEventListener("pointerdown", onDown);
      element.removeEventListener("pointermove", onMove);
      element.removeEventListener("pointerup", onUp);
      element.removeEventListener("pointercancel", onCancel);
      element.removeEventListener("pointerleave", onLeave);
    };
  }, []);
}

/** A turn in a sentence, for a tip and for whoever listens. */
export function said(span: Span): string {
  const lasted = span.began && span.ended ? ` in ${took(span.ended - span.began)}` : "";
  const because = span.cause ? `, because of ${span.cause[0]} step ${span.cause[2]}` : span.sender ? `, from ${span.sender}` : "";
  return `${span.agent} ${span.handler}, turn ${span.turn}: ${wordOf(span)}${lasted}${span.failures ? `, ${span.failures} failed` : ""}${because}`;
}

function Tip({ hover, wide }: { hover: Hover; wide: number }) {
  const { span, step, sign } = hover;
  return (
    <div class="lanes-tip" style={{ top: `${hover.y + 14}px`, ...(hover.x > wide / 2 ? { right: `${wide - hover.x + 8}px` } : { left: `calc(var(--names) + ${hover.x + 12}px)` }) }} aria-hidden="true">
      {sign && (
        <>
          <b class="mono">{sign.agent}</b> {sign.kind === "failed" ? "failed" : "asked"}, {moment(sign.at)}
          <p>{sign.name}</p>
        </>
      )}
      {!sign && span && (
        <>
          <p>{said(span)}</p>
          {span.error && <p class="bad">{span.error}</p>}
          {step && (
            <p class="dim">
              step {step[1] || "–"}: {step[2]} <b class="mono">{step[3]}</b> {step[4] && step[5] ? took(step[5] - step[4]) : ""} {step[6] && <span class="bad">failed</span>}
            </p>
          )}
        </>
      )}
    </div>
  );
}

/** The next window while it is live: its end is now. */
export function following(frame: Frame): Frame {
  return frame.live ? living(frame.live) : frame;
}
