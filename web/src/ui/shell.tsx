import type { ComponentChildren } from "preact";
import { Command, Monitor, Moon, MoreHorizontal, Sun } from "lucide-preact";
import { counts, online, rate } from "../data/live";
import { setTheme, theme, type Theme } from "../data/theme";
import { go } from "../data/router";
import type { Page } from "../pages";
import { openPalette } from "./palette";
import { useKeys } from "./keys";
import { compact } from "../data/format";

export function Shell({ pages, current, children }: { pages: Page[]; current: Page; children: ComponentChildren }) {
  const shown = pages.filter((p) => !p.hidden);
  useKeys(Object.fromEntries(shown.map((p) => [`g ${p.key}`, () => go(p.path)])));
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <nav class="side" aria-label="Pages">
        <a class="brand" href="/">
          <img src="/favicon.svg" alt="" />
          Holdfast
        </a>
        <div class="nav">
          {shown.map((p) => (
            <NavLink key={p.path} page={p} current={current} />
          ))}
        </div>
        <div class="side-foot">
          <button type="button" class="side-button" onClick={() => openPalette()}>
            <Command size={15} class="icon" /> Commands <kbd>Ctrl K</kbd>
          </button>
          <ThemeButton />
          <Live />
        </div>
      </nav>
      <main class="main" id="main" tabIndex={-1}>
        {children}
      </main>
      <nav class="tabs-bar" aria-label="Pages">
        {shown
          .filter((p) => p.first)
          .map((p) => (
            <NavLink key={p.path} page={p} current={current} size={20} />
          ))}
        <button type="button" onClick={() => openPalette()}>
          <MoreHorizontal size={20} class="icon" />
          More
        </button>
      </nav>
    </div>
  );
}

function NavLink({ page, current, size = 15 }: { page: Page; current: Page; size?: number }) {
  const asked = (counts.value.approval ?? 0) + (counts.value.input ?? 0);
  const on = page === current || (current.hidden && page.path === "/");
  return (
    <a href={page.path} aria-current={on ? "page" : undefined}>
      <page.Icon size={size} class="icon" />
      {page.name}
      {page.path === "/inbox" && asked > 0 && (
        <span class="badge person" aria-label={`${asked} wait for a person`}>
          {compact(asked)}
        </span>
      )}
    </a>
  );
}

const NEXT: Record<Theme, Theme> = { system: "dark", dark: "light", light: "system" };
const WORDS: Record<Theme, string> = { system: "Colours: system", dark: "Colours: dark", light: "Colours: light" };

function ThemeButton() {
  const Icon = { system: Monitor, dark: Moon, light: Sun }[theme.value];
  return (
    <button type="button" class="side-button" onClick={() => setTheme(NEXT[theme.value])} title="Dark, light, or as the system says">
      <Icon size={15} class="icon" /> {WORDS[theme.value]}
    </button>
  );
}

function Live() {
  const perSecond = rate.value;
  return (
    <div class={online.value ? "live" : "live off"} role="status">
      <i aria-hidden="true" />
      {online.value ? (
        <span class="num">{perSecond >= 0.5 ? `Live · ${compact(Math.round(perSecond))}/s` : "Live"}</span>
      ) : (
        "Connecting again…"
      )}
    </div>
  );
}
