import { Waiting } from "../../ui/controls";
export function MoneyPage() {
  return <Waiting />;
}
