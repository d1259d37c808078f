// The browser's own EventSource, with nothing of the page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, useBrowser } from "./browser.js";
import { call, serve } from "./server.js";

/** @type {import("./server.js").Server} */
let server;
before(async () => {
  server = await serve();
});
after(() => server?.stop());
useBrowser();

/**
 * Opens an EventSource that notes what it hears.
 *
 * @param {any} page
 * @param {string} path
 */
function listen(page, path) {
  return page.evaluate(
    (/** @type {string} */ path) =>
      new Promise((resolve) => {
        const world = /** @type {any} */ (globalThis);
        world.heard = [];
        world.source = new EventSource(path);
        for (const type of ["message", "sys:open", "sys:error", "sys:drain"]) {
          world.source.addEventListener(type, (/** @type {MessageEvent} */ e) => {
            world.heard.push({ type, id: e.lastEventId, ...JSON.parse(e.data) });
            resolve(undefined);
          });
        }
      }),
    path,
  );
}

/**
 * Waits until so many messages have been heard, and returns them.
 *
 * @param {any} page
 * @param {number} n
 */
async function messages(page, n) {
  const heard = await page.waitForFunction((/** @type {number} */ n) => {
    const list = /** @type {any} */ (globalThis).heard.filter((/** @type {any} */ e) => e.type === "message");
    return list.length >= n && list;
  }, n);
  return heard.jsonValue();
}

test("new EventSource(url) is a complete client", async (t) => {
  const page = await open(t, server.url);
  await listen(page, "/sse/carol?channels=news");
  const receipt = await call(server, "POST", "api/users/carol/messages", { text: "hi\nthere" });
  assert.equal(receipt.delivered, 1);
  const [message] = await messages(page, 1);
  assert.deepEqual([message.id, message.data], [receipt.id, { text: "hi\nthere" }]);
});

test("an EventSource comes back to a server that has gone, with what it had heard last", async (t) => {
  const first = await serve();
  const page = await open(t, first.url, { expect: /ERR_|Failed to load/ });
  await listen(page, "/sse/dave?channels=news");
  await call(first, "POST", "api/channels/news/messages", 1);
  await messages(page, 1);
  await first.stop();
  const second = await serve({ port: first.port });
  t.after(() => second.stop());
  await page.waitForFunction(() => /** @type {any} */ (globalThis).heard.filter((/** @type {any} */ e) => e.type === "sys:open").length === 2);
  await call(second, "POST", "api/channels/news/messages", 2);
  const got = await messages(page, 2);
  assert.deepEqual(
    got.map((/** @type {any} */ e) => e.data),
    [1, 2],
  );
});

test("an EventSource whose session has been ended for good stops", async (t) => {
  const page = await open(t, server.url);
  await listen(page, "/sse/erin");
  await call(server, "DELETE", "api/users/erin/sessions");
  await page.waitForFunction(() => /** @type {any} */ (globalThis).source.readyState === EventSource.CLOSED);
  const last = await page.evaluate(() => /** @type {any} */ (globalThis).heard.at(-1));
  assert.equal(last.type, "sys:error");
});
