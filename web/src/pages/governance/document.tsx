/** A document of YAML with the numbers of its lines. */
export function Document({ text, label }: { text: string; label: string }) {
  return (
    <pre class="document" tabIndex={0} role="region" aria-label={label}>
      {text.replace(/\n$/, "").split("\n").map((line, n) => (
        <span key={n} class="document-line">
          <span class="document-number" aria-hidden="true">{n + 1}</span>
          <Yaml line={line} />
          {"\n"}
        </span>
      ))}
    </pre>
  );
}

/** The names of a line apart from its values; what is not sure to be a name is left as it is. */
function Yaml({ line }: { line: string }) {
  const found = /^(\s*(?:- )*)([\w.'"/-]+:)(\s.*|)$/.exec(line);
  if (!found) return <span>{line}</span>;
  return (
    <span>
      {found[1]}
      <span class="document-key">{found[2]}</span>
      {found[3]}
    </span>
  );
}
