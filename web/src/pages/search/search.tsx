import { Waiting } from "../../ui/controls";
export function SearchPage() {
  return <Waiting />;
}
