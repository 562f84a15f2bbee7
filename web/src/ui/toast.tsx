/** Short words about what was just done; they go by themselves, and screen readers hear them. */
import { signal } from "@preact/signals";
import { Problem } from "../data/api";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

const toasts = signal<Toast[]>([]);
let next = 1;

export function toast(text: string, bad = false): void {
  const id = next++;
  toasts.value = [...toasts.value.slice(-2), { id, text, bad }];
  setTimeout(() => (toasts.value = toasts.value.filter((t) => t.id !== id)), bad ? 8000 : 4000);
}

/** Does something and says how it went; undefined if it did not. */
export async function attempt<T>(what: () => Promise<T>, done?: (value: T) => string): Promise<T | undefined> {
  try {
    const value = await what();
    if (done) toast(done(value));
    return value;
  } catch (error) {
    toast(error instanceof Problem ? error.message : String(error), true);
    return undefined;
  }
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((t) => (
        <div key={t.id} class={t.bad ? "toast bad" : "toast"}>
          {t.text}
        </div>
      ))}
    </div>
  );
}
