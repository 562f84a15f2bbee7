import { useEffect } from "preact/hooks";
import { start } from "./data/live";
import { place } from "./data/router";
import { Palette, Shortcuts } from "./ui/palette";
import { Shell } from "./ui/shell";
import { Toasts } from "./ui/toast";
import { PAGES, pageOf } from "./pages";

export function App() {
  useEffect(start, []);
  const { path } = place.value;
  const page = pageOf(path);
  useEffect(() => {
    document.title = page.title(path);
  }, [page, path]);
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
