/** Routes and the models behind them: whether each answers, and if not, what its breaker says. */

export interface Model {
  route: string;
  target: string;
  vendor: string;
  model: string;
  state: string;
  why: string;
  free_in_seconds: number;
  first_ms: number;
  error_share: number;
}

const WORDS: Record<string, string> = { closed: "answers", open: "away", half_open: "being tried", "half-open": "being tried" };
const TONES: Record<string, string> = { closed: "good", ok: "good", resting: "provider", open: "trouble", half_open: "person", "half-open": "person" };

export function Models({ rows }: { rows: Model[] }) {
  return (
    <section class="stack" aria-label="Models">
      <h2>Routes, providers and their breakers</h2>
      {!rows.length ? (
        <p class="dim">
          No model is known. Set a vendor's key, or start with <code>holdfast up --models FILE</code>.
        </p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of models">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Route</th>
                <th scope="col">Target</th>
                <th scope="col">Provider</th>
                <th scope="col">Model</th>
                <th scope="col">Breaker</th>
                <th scope="col">Why</th>
                <th scope="col" class="right">
                  First word
                </th>
                <th scope="col" class="right">
                  Errors
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, 60).map((m) => (
                <tr key={m.route + m.target}>
                  <td>{m.route}</td>
                  <td class="mono">{m.target}</td>
                  <td>{m.vendor}</td>
                  <td class="mono dim">{m.model}</td>
                  <td>
                    <span class={`chip plain tone-${TONES[m.state] ?? "rest"}`}>
                      {WORDS[m.state] ?? m.state}
                      {m.free_in_seconds > 0 && `, again in ${Math.ceil(m.free_in_seconds)} s`}
                    </span>
                  </td>
                  <td class="wrap dim">{m.why || "–"}</td>
                  <td class="right num">{m.first_ms ? `${m.first_ms} ms` : "–"}</td>
                  <td class="right num">{Math.round(m.error_share * 100)}%</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
