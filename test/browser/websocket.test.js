// The browser's own WebSocket, with nothing of the page.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { open, useBrowser } from "./browser.js";
import { atEnd } from "./end.js";
import { call, serve } from "./server.js";

/** @type {import("./server.js").Server} */
let server;
before(async () => {
  server = await serve();
});
after(() => server?.stop());
useBrowser();

test("new WebSocket(url) is a complete client", async (t) => {
  const page = await open(t, server.url);
  const address = server.url.replace("http", "ws") + "ws/carol";
  await page.evaluate(
    (url) =>
      new Promise((resolve, reject) => {
        /** @type {any} */ (globalThis).heard = [];
        const socket = new WebSocket(url);
        socket.onerror = reject;
        socket.onmessage = ({ data }) => {
          /** @type {any} */ (globalThis).heard.push(JSON.parse(data));
          resolve(undefined);
        };
      }),
    address,
  );
  const receipt = await call(server, "POST", "api/users/carol/messages", { text: "hi" });
  assert.equal(receipt.delivered, 1);
  const heard = await page.waitForFunction(() => {
    const { heard } = /** @type {any} */ (globalThis);
    return heard.length >= 2 && heard;
  });
  const [opening, message] = await heard.jsonValue();
  assert.equal(opening.type, "sys:open");
  assert.deepEqual([message.id, message.type, message.data], [receipt.id, "message", { text: "hi" }]);
});

test("a page of another origin is refused", async (t) => {
  const foreign = createServer((_, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end("<!doctype html><title>elsewhere</title><link rel=icon href=data:,>");
  });
  foreign.listen(0, "127.0.0.1");
  await once(foreign, "listening");
  atEnd(t, () => foreign.close());
  const { port } = /** @type {import("node:net").AddressInfo} */ (foreign.address());
  const page = await open(t, `http://127.0.0.1:${port}/`, { expect: /WebSocket connection to .* 403/ });
  const outcome = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.onopen = () => resolve("opened");
        socket.onclose = ({ code }) => resolve(code);
      }),
    server.url.replace("http", "ws") + "ws/alice",
  );
  assert.equal(outcome, 1006);
});
