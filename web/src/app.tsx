import { useEffect } from "preact/hooks";
import { start } from "./data/live";
import { known, readSession, wanted } from "./data/session";
import { place } from "./data/router";
import { Login } from "./ui/login";
import { Palette, Shortcuts } from "./ui/palette";
import { Shell } from "./ui/shell";
import { Toasts } from "./ui/toast";
import { PAGES, pageOf } from "./pages";

export function App() {
  useEffect(() => {
    void readSession().then(() => wanted.value || start());
  }, []);
  const { path } = place.value;
  const page = pageOf(path);
  useEffect(() => {
    document.title = page.title(path);
  }, [page, path]);
  if (!known.value) return null;
  if (wanted.value) return <Login />;
  return (
    <>
      <Shell pages={PAGES} current={page}>
        <page.View />
      </Shell>
      <Palette />
      <Shortcuts />
      <Toasts />
    </>
  );
}
