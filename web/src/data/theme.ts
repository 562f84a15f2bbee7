/** Dark or light: as the system says, until somebody chooses. */
import { signal } from "@preact/signals";

export type Theme = "system" | "dark" | "light";

const KEY = "holdfast.theme";
const system = matchMedia("(prefers-color-scheme: light)");

export const theme = signal<Theme>((localStorage.getItem(KEY) as Theme | null) ?? "system");

export function applyTheme(): void {
  const light = theme.value === "light" || (theme.value === "system" && system.matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
}

export function setTheme(value: Theme): void {
  theme.value = value;
  localStorage.setItem(KEY, value);
  applyTheme();
}

system.addEventListener("change", applyTheme);
