/** The command that does the same: what is done here can be scripted. */
import { Copy } from "lucide-preact";
import { toast } from "./toast";

export function Cli({ command }: { command: string }) {
  const copy = (): void => void navigator.clipboard.writeText(command).then(() => toast("Copied"));
  return (
    <div class="cli">
      <code tabIndex={0} aria-label="The same on the command line">
        {command}
      </code>
      <button type="button" class="button ghost square" aria-label="Copy the command" onClick={copy}>
        <Copy size={13} class="icon" />
      </button>
    </div>
  );
}
