/** The question that this agent waits for, answered where it is met. */
import { useEffect } from "preact/hooks";
import type { Glance, Question } from "../../data/types";
import { useCall } from "../../ui/use";
import { Answering } from "../inbox/answering";

export function Asking({ glance }: { glance: Glance }) {
  const asks = glance.row.state === "approval" || glance.row.state === "input";
  const { value, again } = useCall<Question[]>("asks_of", asks ? { address: glance.row.address } : undefined);
  useEffect(again, [glance.row.entries, asks]);
  if (!asks || !value?.length) return null;
  return (
    <div class="asking">
      {value.map((question) => (
        <Answering key={question.id} question={question} done={again} />
      ))}
    </div>
  );
}
