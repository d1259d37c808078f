// The form that sends through the HTTP API.

import { curl, post } from "./api.js";
import { autogrow, complain, pick } from "./dom.js";
import { toData } from "./json.js";
import { checkChannel, checkUser } from "./names.js";

const stored = "openline.apiKey";

/** @returns {string} */
function remembered() {
  try {
    return sessionStorage.getItem(stored) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} key */
function remember(key) {
  try {
    if (key) sessionStorage.setItem(stored, key);
    else sessionStorage.removeItem(stored);
  } catch {
    // Storage is refused: the key lasts as long as the page.
  }
}

/** Takes the key of an address such as /#key=KEY, and takes it out of the address. */
function keyOfAddress() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key === null) return;
  remember(key);
  history.replaceState(null, "", location.pathname + location.search);
}

/** Wires the form. */
export function startBackend() {
  keyOfAddress();
  addEventListener("hashchange", () => {
    keyOfAddress();
    key.value = remembered() || key.value;
    show();
  });
  const form = pick(document, "#backend", HTMLFormElement);
  const key = pick(form, "#api-key", HTMLInputElement);
  const name = pick(form, "#api-name", HTMLInputElement);
  const nameField = pick(form, "#api-name-field", HTMLElement);
  const nameLabel = pick(form, "#api-name-label", HTMLElement);
  const type = pick(form, "#api-type", HTMLInputElement);
  const data = pick(form, "#api-data", HTMLTextAreaElement);
  const problem = pick(form, "#api-problem", HTMLElement);
  const result = pick(form, "#api-result", HTMLElement);
  const line = pick(document, "#curl", HTMLElement);
  const withKey = pick(document, "#curl-key", HTMLInputElement);
  const copy = pick(document, "#curl-copy", HTMLButtonElement);

  /** @type {import("./api.js").Target} */
  let target = "user";
  const names = { user: "alice", channel: "chat:lobby", all: "" };

  /** @param {string} json */
  const call = (json) => ({ target, name: name.value.trim(), type: type.value.trim(), data: json });

  const show = () => {
    let json = data.value.trim();
    try {
      json = toData(data.value);
    } catch {
      // Not finished yet: the line shows what is there.
    }
    line.textContent = curl(call(json), document.baseURI, withKey.checked ? key.value.trim() : "");
  };

  for (const radio of form.querySelectorAll("input[name=api-target]")) {
    radio.addEventListener("change", () => {
      names[target] = name.value;
      target = /** @type {import("./api.js").Target} */ (/** @type {HTMLInputElement} */ (radio).value);
      name.value = names[target];
      nameField.hidden = target === "all";
      nameLabel.textContent = target === "user" ? "User" : "Channel";
      complain(name, problem, "");
      show();
    });
  }
  key.value = remembered();
  key.addEventListener("input", () => remember(key.value.trim()));
  form.addEventListener("input", show);
  withKey.addEventListener("change", show);
  autogrow(data);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    for (const field of [key, name, data]) complain(field, problem, "");
    result.textContent = "";
    delete result.dataset.result;
    /** @param {HTMLInputElement | HTMLTextAreaElement} field @param {string} sentence */
    const wrong = (field, sentence) => {
      complain(field, problem, sentence);
      field.focus();
    };
    if (!key.value.trim()) return wrong(key, "Paste the API key that openline serve printed.");
    const bad = target === "user" ? checkUser(name.value.trim()) : target === "channel" ? checkChannel(name.value.trim()) : "";
    if (bad) return wrong(name, bad);
    let json;
    try {
      json = toData(data.value);
    } catch (error) {
      return wrong(data, /** @type {Error} */ (error).message);
    }
    result.textContent = "Sending…";
    const outcome = await post(call(json), document.baseURI, key.value.trim());
    result.textContent = outcome.words;
    result.dataset.result = outcome.ok ? "ok" : "error";
    if (outcome.status === 401) key.setAttribute("aria-invalid", "true");
  });

  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(line.textContent ?? "");
      copy.textContent = "Copied";
    } catch {
      // No clipboard without https or localhost: select it, for the keyboard to copy.
      getSelection()?.selectAllChildren(line);
      copy.textContent = "Selected";
    }
    copy.addEventListener("blur", () => (copy.textContent = "Copy"), { once: true });
    copy.addEventListener("pointerleave", () => (copy.textContent = "Copy"), { once: true });
  });
  show();
}
