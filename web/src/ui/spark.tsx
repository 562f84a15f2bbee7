/** Activity at a glance: thirty bars for the last ten minutes. */
export function Spark({ values, width = 72, height = 18 }: { values: number[]; width?: number; height?: number }) {
  const ground = `M0 ${height - 0.5}H${width}`;
  if (!values.length) {
    return (
      <svg class="icon spark" width={width} height={height} aria-hidden="true">
        <path d={ground} class="spark-ground" />
      </svg>
    );
  }
  const most = Math.max(...values, 1);
  const step = width / values.length;
  let d = "";
  values.forEach((value, n) => {
    if (!value) return;
    const tall = Math.max(1.5, (Math.sqrt(value) / Math.sqrt(most)) * (height - 2));
    d += `M${(n * step + step / 2).toFixed(1)} ${height - 1}v${(-tall).toFixed(1)}`;
  });
  return (
    <svg class="icon spark" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${values.reduce((a, b) => a + b, 0)} entries in ten minutes`}>
      <path d={ground} class="spark-ground" />
      <path d={d} stroke="currentColor" stroke-width={Math.max(1, step - 1)} />
    </svg>
  );
}
