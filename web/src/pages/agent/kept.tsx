/** What an agent keeps between its turns. */
import { useEffect } from "preact/hooks";
import { Empty, Trouble, Waiting } from "../../ui/controls";
import { Json } from "../../ui/json";
import { useCall } from "../../ui/use";

export function Kept({ address, entries }: { address: string; entries: number }) {
  const { value, error, again } = useCall<Record<string, unknown>>("state", { address }, 500);
  useEffect(again, [entries]);
  if (error) return <Trouble error={error} again={again} />;
  if (!value) return <Waiting />;
  const keys = Object.keys(value);
  if (!keys.length) {
    return (
      <Empty title="It keeps nothing">
        <p>
          What a handler sets with <code>ctx.state.set</code> is kept between turns and shown here.
        </p>
      </Empty>
    );
  }
  return (
    <dl class="kept">
      {keys.map((key) => (
        <div key={key}>
          <dt class="mono">{key}</dt>
          <dd>
            <Json value={value[key]} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
