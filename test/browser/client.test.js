// openline.js, as the server gives it, in a browser and over networks that are none too good.

import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { get } from "node:http";
import { test } from "node:test";
import { open, useBrowser } from "./browser.js";
import { atEnd } from "./end.js";
import { call, serve } from "./server.js";
import { wire } from "./wire.js";

useBrowser();

/** What a browser says of connections that are lost on purpose. */
const failures = /ERR_|WebSocket connection to|Failed to load resource/;

/**
 * A page with a line on it.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} url
 * @param {Partial<import("../../js/openline.js").Options>} [options]
 */
async function withLine(t, url, options) {
  const page = await open(t, url, { expect: failures });
  await page.evaluate(async (options) => {
    // Not a word of it is known here: the page loads what the server gives it.
    const { Openline } = await import(/** @type {any} */ ("/openline.js"));
    const line = new Openline(null, { user: "alice", channels: ["chat:x"], ...options });
    /** @type {{ heard: any[], states: any[] }} */
    const seen = { heard: [], states: [] };
    line.on("*", (/** @type {any} */ envelope) => seen.heard.push(envelope));
    line.on("state", (/** @type {any} */ state) => seen.states.push(state));
    Object.assign(globalThis, { line, ...seen });
  }, options);
  return {
    page,
    /** @param {string} name */
    is: async (name) => {
      await page.waitForFunction((name) => /** @type {any} */ (globalThis).line.state.name === name, name);
      return page.evaluate(() => /** @type {any} */ (globalThis).line.state);
    },
    /** @returns {Promise<any[]>} every state so far */
    states: () => page.evaluate(() => /** @type {any} */ (globalThis).states),
    /**
     * Waits until so many envelopes have come.
     *
     * @param {number} count
     * @returns {Promise<any[]>}
     */
    heard: async (count) => {
      await page.waitForFunction((count) => /** @type {any} */ (globalThis).heard.length >= count, count);
      return page.evaluate(() => /** @type {any} */ (globalThis).heard);
    },
  };
}

/**
 * Publishes numbers by the backend's API.
 *
 * @param {import("./server.js").Server} server
 * @param {number} from
 * @param {number} to
 */
async function publish(server, from, to) {
  for (let n = from; n <= to; n++) await call(server, "POST", "api/channels/chat%3Ax/messages", n);
}

/** @param {number} count */
const numbers = (count) => Array.from({ length: count }, (_, n) => n + 1);

/** @param {any[]} heard */
const data = (heard) => heard.map((envelope) => envelope.data);

test("the script is small", async (t) => {
  const server = await serve();
  atEnd(t, () => server.stop());
  /** @type {Buffer[]} */
  const chunks = [];
  const response = await new Promise((/** @type {(_: import("node:http").IncomingMessage) => void} */ resolve) =>
    get(`${server.url}openline.js`, { headers: { "Accept-Encoding": "gzip" } }, resolve),
  );
  for await (const chunk of response) chunks.push(chunk);
  const packed = Buffer.concat(chunks);
  t.diagnostic(`${packed.length} octets compressed`);
  assert.equal(response.headers["content-encoding"], "gzip");
  assert.ok(packed.length < 5 * 1024, `${packed.length} octets`);
  assert.match(gunzipSync(packed).toString(), /export class Openline\b/);
});

test("a page has its line by WebSocket, and all that can be asked for over it", async (t) => {
  const server = await serve();
  atEnd(t, () => server.stop());
  const { page, is, heard } = await withLine(t, server.url);
  assert.equal((await is("open")).transport, "websocket");
  const replies = await page.evaluate(async () => {
    const { line } = /** @type {any} */ (globalThis);
    return [await line.publish("chat:x", 1), await line.send("alice", 2, { event: "note" }), (await line.subscribe("chat:y")).cursor];
  });
  assert.equal(replies[0].delivered, 1);
  const [first, second] = await heard(2);
  assert.deepEqual([first.id, first.from, first.data, second.type, second.channel], [replies[0].id, "alice", 1, "note", "@alice"]);
});

test("a line that is broken again and again has every message once", async (t) => {
  const server = await serve();
  atEnd(t, () => server.stop());
  const way = await wire(t, server.port);
  const { is, heard, states } = await withLine(t, way.url);
  await is("open");
  for (let round = 0; round < 5; round++) {
    await publish(server, round * 20 + 1, round * 20 + 10);
    way.cut();
    await publish(server, round * 20 + 11, round * 20 + 20);
  }
  assert.deepEqual(data(await heard(100)), numbers(100));
  assert.ok((await states()).some(({ resumed }) => resumed));
});

test("a server that was killed and started again says what it no longer has", async (t) => {
  let server = await serve();
  atEnd(t, () => server.stop());
  const { is, heard, page } = await withLine(t, server.url);
  await is("open");
  await publish(server, 1, 3);
  await heard(3);
  await server.stop("SIGKILL");
  await is("waiting");
  server = await serve({ port: server.port });
  await is("open");
  await publish(server, 4, 6);
  const all = await heard(7);
  assert.deepEqual(data(all.filter(({ type }) => type === "message")), numbers(6));
  assert.deepEqual([all[3].type, all[3].data.reason], ["sys:gap", "restarted"]);
  assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).line.transport), "websocket");
});

test("a network that goes silent without a word is left", async (t) => {
  const server = await serve();
  atEnd(t, () => server.stop());
  const way = await wire(t, server.port);
  const { page, is, heard, states } = await withLine(t, way.url);
  await is("open");
  await publish(server, 1, 3);
  await heard(3);
  way.silence();
  await publish(server, 4, 6);
  await page.evaluate(() => dispatchEvent(new Event("offline")));
  assert.deepEqual(data(await heard(6)), numbers(6));
  assert.ok((await states()).some(({ reason }) => reason === "silence"));
});
