import { Waiting } from "../../ui/controls";
export function BriefPage() {
  return <Waiting />;
}
