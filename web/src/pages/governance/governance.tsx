import { Waiting } from "../../ui/controls";
export function GovernancePage() {
  return <Waiting />;
}
