// The page: two users, a form for the HTTP API, and the two switches on top.

import { startBackend } from "./backend.js";
import { pick } from "./dom.js";
import { Pane } from "./pane.js";
import { startTheme } from "./theme.js";

startTheme();
startBackend();

const template = pick(document, "#pane", HTMLTemplateElement);
const alice = new Pane(template, "alice");
const bob = new Pane(template, "bob");
alice.setPeer(bob.user);
bob.setPeer(alice.user);
alice.onRename = () => bob.setPeer(alice.user);
bob.onRename = () => alice.setPeer(bob.user);
pick(document, "#panes", HTMLElement).append(alice.element, bob.element);

pick(document, "#address", HTMLElement).textContent =
  `new WebSocket("${new URL("ws/alice", document.baseURI).href.replace(/^http/, "ws")}")`;

const raw = pick(document, "#raw", HTMLInputElement);
const showRaw = () => {
  document.documentElement.dataset.view = raw.checked ? "raw" : "friendly";
};
raw.addEventListener("change", showRaw);
showRaw();
