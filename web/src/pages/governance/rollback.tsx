/** The way back: what it would change and whom it would touch first, then exactly that, or nothing. */
import { useState } from "preact/hooks";
import { call, Problem } from "../../data/api";
import { cli } from "../../data/cli";
import { Cli } from "../../ui/command";
import { Button, Dialog, Trouble, Waiting } from "../../ui/controls";
import { Allowed } from "../../ui/may";
import { toast } from "../../ui/toast";
import { useCall } from "../../ui/use";
import { PlanShown } from "./plan";
import type { Applied, Plan } from "./types";

interface Props {
  of: { kind: string; name: string; tenant: string };
  version: number;
  close: () => void;
  done: () => void;
}

export function Rollback({ of, version, close, done }: Props) {
  const plan = useCall<Plan>("plan_rollback", { ...of, version });
  const [reason, setReason] = useState("");
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const stale = error instanceof Problem && (error.code === "plan.stale" || error.code === "resource.changed");
  const act = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const applied = await call<Applied>("rollback", { ...of, version, reason, plan: plan.value?.digest ?? "" });
      toast(applied.failed[0] ?? `Version ${version} holds again, as revision ${applied.revision}`, applied.failed.length > 0);
      done();
      close();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  const again = (): void => {
    setError(undefined);
    plan.again();
    done();
  };
  const nothing = plan.value !== undefined && plan.value.changes === 0;
  return (
    <Dialog title={`Roll back ${of.kind}/${of.name}`} close={close} wide>
      <h2 class="dialog-title">
        Roll <span class="mono">{of.kind}/{of.name}</span> back to version {version}
      </h2>
      <form class="dialog-body" onSubmit={(event) => void act(event)}>
        <p class="dim">This makes a new version that says what version {version} said. What it replaces stays in the history.</p>
        {plan.error !== undefined ? <Trouble error={plan.error} again={plan.again} /> : plan.value ? <PlanShown plan={plan.value} /> : <Waiting rows={4} />}
        {error !== undefined && (
          <div class="trouble" role="alert">
            <div>
              <strong>{error instanceof Error ? error.message : String(error)}</strong>
              {stale && <p class="faint">Somebody changed it while you were reading. Nothing of yours was done. See what would happen now, then decide.</p>}
            </div>
            {stale && <Button onClick={again}>Plan again</Button>}
          </div>
        )}
        <Allowed scope="configure" to="roll back" everyTenant={of.tenant === ""}>
          <label class="field">
            <span class="hidden-text">Why</span>
            <input value={reason} autofocus required maxLength={300} placeholder="Why? It is kept with the change." onInput={(e) => setReason(e.currentTarget.value)} />
          </label>
          <Cli command={cli.rollback(`${of.kind}/${of.name}`, version, plan.value?.digest ?? "", reason)} />
          <div class="dialog-foot">
            <Button kind="ghost" onClick={close}>
              Not now
            </Button>
            <button type="submit" class="button primary" disabled={!plan.value || nothing || busy || stale}>
              {nothing ? "It is so already" : "Roll back"}
            </button>
          </div>
        </Allowed>
      </form>
    </Dialog>
  );
}
