// Messages from programs: over HTTP from here, and from the page's own form.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { connected, open, pane, useBrowser } from "./browser.js";
import { apiKey, call, serve } from "./server.js";

/** @type {import("./server.js").Server} */
let server;
before(async () => {
  server = await serve();
});
after(() => server?.stop());
useBrowser();

/** @param {import("playwright-core").Page} page */
const form = (page) => {
  const root = page.locator("#backend");
  return {
    root,
    key: root.getByLabel("API key"),
    target: (/** @type {string} */ name) => root.getByRole("radio", { name }).check(),
    data: root.getByLabel("Data"),
    send: () => root.getByRole("button", { name: "Send" }).click(),
    result: root.getByRole("status"),
    problem: root.getByRole("alert"),
  };
};

test("a broadcast over HTTP reaches every page", async (t) => {
  const one = await connected(t, server.url, ["alice"]);
  const two = await connected(t, server.url, ["bob"]);
  const receipt = await call(server, "POST", "api/broadcast?type=news", { text: "to everyone" });
  assert.equal(receipt.delivered, 2);
  await pane(one, "alice").said("to everyone").waitFor();
  await pane(two, "bob").said("to everyone").waitFor();
  await pane(two, "bob").shows(/@\*\s*news/);
});

test("the form sends to a user, to a channel and to everyone", async (t) => {
  const page = await connected(t, server.url, ["alice", "bob"]);
  const f = form(page);
  await f.key.fill(apiKey);
  await f.data.fill('{"text":"one user"}');
  await f.send();
  await pane(page, "alice").said("one user").waitFor();
  await f.result.filter({ hasText: "Delivered to 1 session" }).waitFor();

  await pane(page, "bob").button("Subscribe").click();
  await pane(page, "bob").button("Unsubscribe from chat:lobby").waitFor();
  await f.target("Channel");
  await f.data.fill("plain words");
  await f.send();
  await pane(page, "bob").said("plain words").waitFor();

  await f.target("Everyone");
  await f.data.fill("all of you");
  await f.send();
  await pane(page, "alice").said("all of you").waitFor();
  await pane(page, "bob").said("all of you").waitFor();
  await f.result.filter({ hasText: "Delivered to 2 sessions" }).waitFor();
  assert.equal(await pane(page, "bob").said("one user").count(), 0);
});

test("the key is asked for, and a wrong one is explained", async (t) => {
  const page = await open(t, server.url, { expect: /status of 401/ });
  const f = form(page);
  await f.send();
  await f.problem.filter({ hasText: "API key" }).waitFor();
  await f.key.fill("wrong");
  await f.send();
  await f.result.filter({ hasText: "401" }).waitFor();
});

test("the key stays in the tab, and nowhere else", async (t) => {
  const page = await open(t, server.url);
  await form(page).key.fill(apiKey);
  await page.reload();
  assert.equal(await form(page).key.inputValue(), apiKey);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.equal(await page.evaluate(() => document.cookie), "");
  const other = await page.context().newPage();
  await other.goto(server.url);
  assert.equal(await form(other).key.inputValue(), "");
});

test("an address with a key gives it to the form and forgets it", async (t) => {
  const page = await open(t, `${server.url}#key=${apiKey}`);
  await page.waitForFunction(() => location.hash === "");
  assert.equal(await form(page).key.inputValue(), apiKey);
});

test("the line for curl does the same", async (t) => {
  const page = await connected(t, server.url, ["alice"]);
  await form(page).data.fill("it's from a shell");
  const line = (await page.locator("#curl").textContent()) ?? "";
  assert.ok(!line.includes(apiKey));
  const run = promisify(execFile);
  if (await run("curl", ["--version"]).then(() => false, () => true)) return t.skip("curl is not installed");
  await run("sh", ["-c", line], { env: { ...process.env, OPENLINE_API_KEY: apiKey } });
  await pane(page, "alice").said("it's from a shell").waitFor();
});

test("the line for curl can be copied, with the key if asked for", async (t) => {
  const page = await open(t, server.url, { context: { permissions: ["clipboard-read", "clipboard-write"] } });
  await form(page).key.fill(apiKey);
  await page.getByLabel("with the key").check();
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, await page.locator("#curl").textContent());
  assert.ok(copied.includes(`Bearer ${apiKey}`));
});
