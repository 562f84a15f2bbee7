/** Where the parts of governance are. */
const ROOT = "/governance";

function withQuery(path: string, parts: Record<string, string | number>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parts)) if (value) query.set(key, String(value));
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export const links = {
  overview: ROOT,
  resources: (parts: Record<string, string> = {}): string => withQuery(`${ROOT}/resources`, parts),
  resource: (of: { kind: string; name: string; tenant?: string }, parts: Record<string, string | number> = {}): string =>
    withQuery(`${ROOT}/resources/${encodeURIComponent(of.kind)}/${encodeURIComponent(of.name)}`, { tenant: of.tenant ?? "", ...parts }),
  propose: (of?: { kind: string; name: string; tenant?: string }): string => withQuery(`${ROOT}/propose`, of ? { kind: of.kind, name: of.name, tenant: of.tenant ?? "" } : {}),
  policies: `${ROOT}/policies`,
  policy: (name: string): string => `${ROOT}/policies/${encodeURIComponent(name)}`,
  decisions: (parts: Record<string, string | number> = {}): string => withQuery(`${ROOT}/decisions`, parts),
};

/** What stands behind the page's own path. */
export function partsOf(path: string): string[] {
  return path.slice(ROOT.length).split("/").filter(Boolean).map(decodeURIComponent);
}
