/** One connection to the pulse of the store, kept up for as long as somebody listens. */
import { follow, Problem } from "./api";
import type { Beat } from "./types";

export type News = { kind: "beat"; beat: Beat } | { kind: "status"; up: boolean; login?: boolean };

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const SILENCE_MS = 25_000;

export class Stream {
  private after = 0;
  private stopped = new AbortController();
  private up = false;

  constructor(private readonly tell: (news: News) => void) {
    void this.run();
  }

  stop(): void {
    this.stopped.abort();
  }

  /** What a listener that comes later has to know at once. */
  status(): News {
    return { kind: "status", up: this.up };
  }

  private async run(): Promise<void> {
    let wait = FIRST_WAIT_MS;
    while (!this.stopped.signal.aborted) {
      try {
        await this.once(() => (wait = FIRST_WAIT_MS));
      } catch (error) {
        if (error instanceof Problem && error.code === "login") this.tell({ kind: "status", up: false, login: true });
      }
      this.say(false);
      await new Promise((done) => setTimeout(done, wait));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  private async once(heard: () => void): Promise<void> {
    const ended = new AbortController();
    this.stopped.signal.addEventListener("abort", () => ended.abort(), { once: true });
    let silence = setTimeout(() => ended.abort(), SILENCE_MS);
    const each = (beat: Beat): void => {
      clearTimeout(silence);
      silence = setTimeout(() => ended.abort(), SILENCE_MS);
      heard();
      this.say(true);
      this.after = beat.id;
      this.tell({ kind: "beat", beat });
    };
    try {
      await follow("pulse", { after: this.after }, each, ended.signal, this.after);
    } finally {
      clearTimeout(silence);
    }
  }

  private say(up: boolean): void {
    if (up === this.up) return;
    this.up = up;
    this.tell({ kind: "status", up });
  }
}
