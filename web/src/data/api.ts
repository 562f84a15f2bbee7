/** Operations of the server: one function for those that answer once, one for those that go on. */

export class Problem extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

/** Sent with whatever changes something, where a session needs it. */
let csrf = "";

export function setCsrf(value: string): void {
  csrf = value;
}

export function csrfNow(): string {
  return csrf;
}

const ROOT = "/api/v1/operations/";

/** Asks an operation. Throws `Problem`; one with the code `login` when the server wants to know who we are. */
export async function call<T>(name: string, input: object = {}, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(ROOT + name, {
      method: "POST",
      headers: { "content-type": "application/json", ...(csrf && { "x-holdfast-csrf": csrf }) },
      body: JSON.stringify(input),
      signal: signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException) throw error;
    throw new Problem("server.unreachable", "The server does not answer. Is `holdfast up` running?", 0);
  }
  const text = await response.text();
  if (!response.ok) throw problemOf(response.status, text);
  return JSON.parse(text) as T;
}

function problemOf(status: number, text: string): Problem {
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // a proxy's own page: its status says enough
  }
  const inner = (body.error as Record<string, unknown> | undefined) ?? body;
  const said = String(inner.detail ?? inner.message ?? `The server answered ${status}.`);
  if (status === 401 || inner.code === "auth.required") {
    unauthorized?.();
    return new Problem("login", said, status);
  }
  return new Problem(String(inner.code ?? `http.${status}`), said, status, (inner.details as Record<string, unknown>) ?? {});
}

let unauthorized: (() => void) | undefined;

/** What to do when the server wants to know who we are. */
export function onUnauthorized(what: () => void): void {
  unauthorized = what;
}

/** Follows an operation that goes on, until it ends or `signal` says so. Resolves at its end, throws `Problem`. */
export async function follow<T>(name: string, input: object, each: (item: T) => void, signal: AbortSignal, last = 0): Promise<void> {
  const headers: Record<string, string> = { "content-type": "application/json", accept: "text/event-stream" };
  if (csrf) headers["x-holdfast-csrf"] = csrf;
  if (last) headers["last-event-id"] = String(last);
  const response = await fetch(ROOT + name, { method: "POST", headers, body: JSON.stringify(input), signal });
  if (!response.ok || !response.body) throw problemOf(response.status, await response.text());
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    let end: number;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      take(rest.slice(0, end), each);
      rest = rest.slice(end + 2);
    }
  }
}

function take<T>(block: string, each: (item: T) => void): void {
  let event = "";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
    else if (line.startsWith("event:")) event = line.slice(6).trim();
  }
  if (!data.length || event === "end") return;
  const text = data.join("\n");
  if (event === "error") throw problemOf(500, text);
  each(JSON.parse(text) as T);
}
