// Pages of other origins: what a browser asks before it lets them, and what it lets them see.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { test } from "node:test";
import { open, useBrowser } from "./browser.js";
import { atEnd } from "./end.js";
import { call, serve } from "./server.js";

useBrowser();

/**
 * A proxy that remembers what was asked.
 *
 * @param {import("node:test").TestContext} t
 * @param {number} port
 */
async function witness(t, port) {
  /** @type {import("node:http").IncomingMessage[]} */
  const asked = [];
  /** @type {Set<import("node:http").ServerResponse>} */
  const answers = new Set();
  const proxy = createServer((down, answer) => {
    asked.push(down);
    answers.add(answer);
    const up = request({ port, host: "127.0.0.1", path: down.url, method: down.method, headers: down.headers }, (response) => {
      answer.writeHead(response.statusCode ?? 0, response.headers);
      answer.flushHeaders();
      response.pipe(answer);
    });
    up.on("error", () => answer.destroy());
    answer.on("close", () => {
      answers.delete(answer);
      up.destroy();
    });
    down.pipe(up);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  atEnd(t, () => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return {
    url: `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (proxy.address()).port}/`,
    /** What was asked since the last time. */
    asked: () => asked.splice(0).map(({ method, headers }) => ({ method, from: headers["last-event-id"] })),
    /** Ends every answer where it is. */
    cut: () => answers.forEach((answer) => answer.destroy()),
  };
}

/** What a page of a certain origin finds, at a server that lets some in. @param {import("node:test").TestContext} t */
async function setup(t) {
  const home = await serve();
  atEnd(t, () => home.stop());
  const server = await serve({ env: { OPENLINE_ORIGINS: home.url.slice(0, -1) } });
  atEnd(t, () => server.stop());
  const way = await witness(t, server.port);
  return { home, server, way };
}

test("a page of a trusted origin has each transport, and asks first only where a header calls for it", async (t) => {
  const { home, server, way } = await setup(t);
  const page = await open(t, `${home.url}healthz`, { others: [way.url], expect: /ERR_|Failed to load/ });

  await page.evaluate((url) => {
    const world = /** @type {any} */ (globalThis);
    world.heard = [];
    world.source = new EventSource(url);
    world.source.addEventListener("sys:open", (/** @type {MessageEvent} */ e) => world.heard.push(`open ${JSON.parse(e.data).data.resumed}`));
    world.source.onmessage = (/** @type {MessageEvent} */ e) => world.heard.push(JSON.parse(e.data).data);
  }, `${way.url}sse/alice?channels=chat:x`);
  /** @param {number} count */
  const heard = async (count) => {
    await page.waitForFunction((count) => /** @type {any} */ (globalThis).heard.length >= count, count);
    return page.evaluate(() => /** @type {any} */ (globalThis).heard);
  };
  await heard(1);
  const { id } = await call(server, "POST", "api/channels/chat%3Ax/messages", 1);
  await heard(2);
  way.cut();
  await call(server, "POST", "api/channels/chat%3Ax/messages", 2);
  assert.deepEqual(await heard(4), ["open false", 1, "open true", 2]);
  assert.deepEqual(way.asked(), [{ method: "GET", from: undefined }, { method: "GET", from: id }]);
  await page.evaluate(() => /** @type {any} */ (globalThis).source.close());

  /** @param {string} path @param {RequestInit} [init] */
  const answer = (path, init) =>
    page.evaluate(
      async ({ url, init }) => {
        const response = await fetch(url, init);
        const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
        const { value } = await reader.read();
        await reader.cancel();
        return { status: response.status, body: JSON.parse(new TextDecoder().decode(value)) };
      },
      { url: `${way.url}${path}`, init },
    );
  // With nothing but a query, a stream and a poll are simple requests.
  assert.equal((await answer("stream/alice")).body.data.transport, "stream");
  const { cursor } = (await answer("poll/alice")).body;
  assert.deepEqual(way.asked(), [{ method: "GET", from: undefined }, { method: "GET", from: undefined }]);
  // For other headers, and for JSON, it asks, and is let.
  assert.equal((await answer("poll/alice", { headers: { "Last-Event-ID": cursor } })).status, 200);
  assert.equal((await answer("stream/alice", { headers: { Authorization: "Bearer a.b.c", "Last-Event-ID": id, "Cache-Control": "no-store" } })).body.data.resumed, true);
  const sent = await answer("send/alice", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"type":"ping","ref":7}' });
  assert.deepEqual([sent.status, sent.body.type, sent.body.ref], [200, "sys:ok", 7]);
  assert.ok(way.asked().filter(({ method }) => method === "OPTIONS").length >= 2);
  // What went wrong can be read, too.
  const wrong = await answer("poll/alice?since=nonsense!");
  assert.deepEqual([wrong.status, wrong.body.code], [400, "bad_request"]);
  assert.equal((await answer("poll/alice?nonsense=1")).body.code, "bad_request");
});

test("a page of another origin has none of them", async (t) => {
  const { server, way } = await setup(t);
  const other = await serve();
  atEnd(t, () => other.stop());
  const page = await open(t, `${other.url}healthz`, { others: [way.url, server.url], expect: /./ });
  const found = await page.evaluate(async ({ url, direct }) => {
    /** @type {string[]} */
    const ends = [];
    for (const path of ["stream/alice", "poll/alice"]) ends.push(await fetch(url + path).then(() => path, (error) => error.name));
    ends.push(await fetch(`${url}send/alice`, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"type":"send","to":"bob"}' }).then(() => "send", (error) => error.name));
    ends.push(await fetch(`${url}send/alice`, { method: "POST", mode: "no-cors", body: '{"type":"send","to":"bob"}' }).then(({ type }) => type));
    ends.push(await new Promise((resolve) => {
      const source = new EventSource(`${url}sse/alice`);
      source.onerror = () => resolve(`EventSource ${source.readyState}`);
    }));
    ends.push(await new Promise((resolve) => {
      const socket = new WebSocket(`${direct.replace("http", "ws")}ws/alice`);
      socket.onclose = ({ code }) => resolve(`WebSocket ${code}`);
    }));
    return ends;
  }, { url: way.url, direct: server.url });
  assert.deepEqual(found, ["TypeError", "TypeError", "TypeError", "opaque", "EventSource 2", "WebSocket 1006"]);
  assert.deepEqual((await call(server, "GET", "api/sessions")).count, 0);
});
