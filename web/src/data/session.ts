/** Who is signed in: asked for once, and again when the server wants to know. */
import { signal } from "@preact/signals";
import { onUnauthorized, setCsrf } from "./api";

export interface Who {
  id?: string;
  kind?: string;
  tenant?: string;
  scopes?: string[];
  owner?: boolean;
}

export interface Session {
  principal: Who | null;
  csrf: string;
  logins: string[];
}

/** Whether a login has to come before anything else. */
export const wanted = signal(false);
/** Whether the first look is over: nothing is asked before it is known how. */
export const known = signal(false);
export const session = signal<Session | undefined>(undefined);

/** Whether whoever is signed in has a scope; somewhere without logins everybody has all of them. */
export function may(scope: string): boolean {
  const who = session.value?.principal;
  return !who?.scopes || who.owner === true || who.scopes.includes(scope) || who.scopes.includes("*");
}

export async function readSession(): Promise<void> {
  const response = await fetch("/auth/session").catch(() => undefined);
  if (response?.ok) {
    const found = (await response.json()) as Session;
    setCsrf(found.csrf);
    session.value = found;
    wanted.value = found.principal === null;
  }
  known.value = true;
}

/** Signs in with a token; what the server says if it does not accept it. */
export async function signIn(token: string): Promise<string> {
  const response = await fetch("/auth/session", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) });
  if (response.ok) {
    location.reload();
    return "";
  }
  const body = (await response.json().catch(() => ({}))) as { detail?: string };
  return body.detail ?? `The server answered ${response.status}.`;
}

onUnauthorized(() => {
  wanted.value = true;
  if (!session.peek()) void readSession();
});
