import { Waiting } from "../../ui/controls";
export function CausalityPage() {
  return <Waiting />;
}
