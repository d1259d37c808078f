// Light and dark: the system's choice, until the button says otherwise.

import { pick } from "./dom.js";

const key = "openline.theme";

/**
 * @param {string | null} theme null: follow the system again
 */
function remember(theme) {
  try {
    if (theme === null) localStorage.removeItem(key);
    else localStorage.setItem(key, theme);
  } catch {
    // Storage is refused: the choice lasts as long as the page.
  }
}

/** Wires the theme button. */
export function startTheme() {
  const root = document.documentElement;
  const button = pick(document, "#theme", HTMLButtonElement);
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => {
    const next = isDark() ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to the ${next} theme`);
    button.title = `Switch to the ${next} theme`;
    button.dataset.shows = isDark() ? "dark" : "light";
  };
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    if ((next === "dark") === system.matches) {
      delete root.dataset.theme;
      remember(null);
    } else {
      root.dataset.theme = next;
      remember(next);
    }
    show();
  });
  system.addEventListener("change", show);
  show();
}
