/** The small shapes of the lanes: signs, arrows, hatching. */
import type { Colours } from "./draw";

export const AXIS = 22;
export const BAR = 16;

export function hatch(ctx: CanvasRenderingContext2D, style: string, from: number, to: number, tall: number): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(from, AXIS, to - from, tall);
  ctx.clip();
  ctx.strokeStyle = style;
  ctx.beginPath();
  for (let x = from - tall; x < to; x += 9) {
    ctx.moveTo(x, tall);
    ctx.lineTo(x + tall, 0);
  }
  ctx.stroke();
  ctx.restore();
}

export function fit(ctx: CanvasRenderingContext2D, text: string, room: number): string {
  if (ctx.measureText(text).width <= room) return text;
  let cut = text.length;
  while (cut > 1 && ctx.measureText(`${text.slice(0, cut)}…`).width > room) cut--;
  return `${text.slice(0, cut)}…`;
}

export function mark(ctx: CanvasRenderingContext2D, colour: Colours, kind: "fail" | "ask", x: number, y: number): void {
  ctx.fillStyle = colour("ground");
  ctx.beginPath();
  ctx.arc(x, y, 7, 0, 7);
  ctx.fill();
  ctx.strokeStyle = ctx.fillStyle = colour(kind === "fail" ? "trouble" : "person");
  ctx.lineWidth = 1.4;
  ctx.beginPath();
  ctx.arc(x, y, 5.6, 0, 7);
  ctx.stroke();
  if (kind === "fail") {
    ctx.beginPath();
    ctx.moveTo(x - 2.2, y - 2.2);
    ctx.lineTo(x + 2.2, y + 2.2);
    ctx.moveTo(x + 2.2, y - 2.2);
    ctx.lineTo(x - 2.2, y + 2.2);
    ctx.stroke();
  } else {
    ctx.textAlign = "center";
    ctx.font = "600 9px 'Inter Variable', system-ui, sans-serif";
    ctx.fillText("?", x, y + 0.5);
    ctx.textAlign = "left";
    ctx.font = "11px 'Inter Variable', system-ui, sans-serif";
  }
}

export function arrow(ctx: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  const down = y2 > y1 ? 1 : -1;
  const end = y2 - down * (BAR / 2 + 1);
  ctx.beginPath();
  ctx.moveTo(x1, y1 + (down * BAR) / 2);
  ctx.bezierCurveTo(x1, (y1 + end) / 2, x2, (y1 + end) / 2, x2, end);
  ctx.stroke();
  ctx.beginPath();
  ctx.moveTo(x2, end + down);
  ctx.lineTo(x2 - 3.5, end - down * 5);
  ctx.lineTo(x2 + 3.5, end - down * 5);
  ctx.fill();
}
