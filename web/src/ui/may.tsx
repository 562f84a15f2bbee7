/** What takes a permission: it is offered to whoever has it; others are told which one is missing. */
import type { ComponentChildren } from "preact";
import { Lock } from "lucide-preact";
import { may, session } from "../data/session";

interface Props {
  scope: string;
  /** What one would do: "roll back". */
  to: string;
  /** Whether a token of one tenant is not enough. */
  everyTenant?: boolean;
  children: ComponentChildren;
}

/** Whether somebody's token reaches what belongs to the whole installation. */
function everywhere(): boolean {
  const who = session.value?.principal;
  return !who?.tenant || who.owner === true || who.tenant === "*";
}

export function allowed(scope: string, everyTenant = false): boolean {
  return may(scope) && (!everyTenant || everywhere());
}

export function Allowed({ scope, to, everyTenant = false, children }: Props) {
  const who = session.value?.principal;
  const here = !everyTenant || everywhere();
  if (allowed(scope, everyTenant)) return <>{children}</>;
  return (
    <p class="needs faint" role="note">
      <Lock size={13} class="icon" />
      <span>
        To {to} takes the permission <code>{scope}</code>
        {here ? "" : " for every tenant"}; yours are {who?.scopes?.length ? who.scopes.map((s) => <code key={s}>{s} </code>) : "none"}
        {here ? "" : `of ${who?.tenant ?? ""}`}.
      </span>
    </p>
  );
}
