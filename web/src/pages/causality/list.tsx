/** The same turns as words, the newest first: for whoever reads rather than looks. */
import { moment, took } from "../../data/format";
import { Virtual } from "../../ui/virtual";
import { keyOf, toneOf, wordOf, type LaneWindow, type Span } from "./types";

const ROW = 32;

interface Props {
  spans: Span[];
  data: LaneWindow;
  chosen: string;
  choose: (span: { agent: string; turn: number }) => void;
}

export function List({ spans, data, chosen, choose }: Props) {
  if (data.sampled) return <Sampled data={data} choose={choose} />;
  const newest = [...spans].reverse();
  return (
    <Virtual
      label="Turns in this window"
      count={newest.length}
      height={ROW}
      chosen={newest.findIndex((s) => keyOf(s.agent, s.turn) === chosen)}
      row={(index) => {
        const span = newest[index];
        if (!span) return null;
        return (
          <button type="button" class={`lane-line tone-${toneOf(span)}`} aria-current={keyOf(span.agent, span.turn) === chosen} onClick={() => choose(span)}>
            <span class="num faint">{span.began ? moment(span.began) : "before"}</span>
            <span class="mono cut">{span.agent}</span>
            <span class="cut">{span.handler}</span>
            <span class="lane-state cut">{wordOf(span)}{span.failures > 0 && `, ${span.failures} failed`}</span>
            <span class="num faint">{span.began && span.ended ? took(span.ended - span.began) : ""}</span>
            <span class="cut dim">{span.cause ? `because of ${span.cause[0]} step ${span.cause[2]}` : `from ${span.sender || "outside"}`}</span>
          </button>
        );
      }}
    />
  );
}

function Sampled({ data, choose }: { data: LaneWindow; choose: Props["choose"] }) {
  const count = data.signs.length + data.lanes.length;
  return (
    <Virtual
      label="Failures, questions, and who was active"
      count={count}
      height={ROW}
      row={(index) => {
        const sign = data.signs[index];
        if (sign) {
          return (
            <button type="button" class={`lane-line tone-${sign.kind === "failed" ? "trouble" : "person"}`} onClick={() => choose(sign)}>
              <span class="num faint">{moment(sign.at)}</span>
              <span class="mono cut">{sign.agent}</span>
              <span class="lane-state">{sign.kind === "failed" ? "failed" : "asked"}</span>
              <span class="cut lane-rest">{sign.name}</span>
            </button>
          );
        }
        const lane = data.lanes[index - data.signs.length];
        return (
          lane && (
            <div class="lane-line">
              <span />
              <span class="mono cut">{lane.agent}</span>
              <span class="faint lane-rest">about {lane.slots.reduce((a, b) => a + b, 0)} entries</span>
            </div>
          )
        );
      }}
    />
  );
}
