// openline.js, as the server gives it, in a browser and over networks that are none too good.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, get } from "node:http";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { open, useBrowser } from "./browser.js";
import { atEnd } from "./end.js";
import { missing, nginx } from "./nginx.js";
import { call, serve } from "./server.js";
import { wire } from "./wire.js";

useBrowser();

const transports = /** @type {const} */ (["websocket", "sse", "stream", "poll"]);

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

/**
 * A signed token (RFC 7519) for a user, good for an hour.
 *
 * @param {string} secret
 * @param {string} user
 */
function sign(secret, user) {
  /** @param {object} part */
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const text = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, exp: Math.floor(Date.now() / 1000) + 3600 })}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
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

for (const transport of transports) {
  test(`a server that was killed and started again says over ${transport} what it no longer has`, async (t) => {
    let server = await serve();
    atEnd(t, () => server.stop());
    const { is, heard, page } = await withLine(t, server.url, { transports: [transport] });
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
    assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).line.transport), transport);
  });
}

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

for (const transport of transports) {
  test(`everything works over ${transport}, with a token`, async (t) => {
    const secret = "a-secret-of-at-least-thirty-two-bytes!";
    const server = await serve({ env: { OPENLINE_TOKEN_HMAC_SECRET: secret } });
    atEnd(t, () => server.stop());
    const way = await wire(t, server.port);
    const { page, is, heard } = await withLine(t, way.url, { transports: [transport], token: sign(secret, "alice") });
    const state = await is("open");
    assert.equal(state.transport, transport);
    const asked = await page.evaluate(async () => {
      const { line } = /** @type {any} */ (globalThis);
      const [published, , sent] = await Promise.all([
        line.publish("chat:x", 1),
        line.subscribe("chat:y"),
        line.send("alice", 2, { event: "note" }),
      ]);
      const { messages } = await line.history("chat:x");
      const refused = await line.subscribe("@bob").catch((/** @type {any} */ { code }) => code);
      return { published, sent, messages, refused };
    });
    assert.equal(asked.refused, "reserved");
    assert.deepEqual(asked.messages, (await heard(1)).slice(0, 1));
    assert.deepEqual((await heard(2)).map(({ id }) => id), [asked.published.id, asked.sent.id]);
    for (let round = 0; round < 3; round++) {
      await publish(server, round * 20 + 1, round * 20 + 10);
      way.cut();
      await publish(server, round * 20 + 11, round * 20 + 20);
      await call(server, "POST", "api/channels/chat%3Ay/messages", "also");
    }
    const all = (await heard(65)).slice(2);
    assert.deepEqual(data(all.filter(({ channel }) => channel === "chat:x")), numbers(60));
    assert.equal(all.filter(({ channel }) => channel === "chat:y").length, 3);
    const waited = await call(server, "POST", "api/users/alice/messages?wait=delivered&timeout=10s", "taken in?");
    assert.equal(waited.acknowledged, true);
    await call(server, "DELETE", "api/users/alice/sessions");
    const { code } = await is("closed");
    assert.ok([4009, 204, 410].includes(code), `code ${code}`);
  });
}

for (const [name, about, wanted] of /** @type {const} */ ([
  ["upgrade", "that passes WebSocket on", "websocket"],
  ["plain", "that takes Upgrade out", "sse"],
  ["hold", "that takes Upgrade out and holds answers back", "poll"],
])) {
  test(`through an nginx ${about}`, { skip: missing }, async (t) => {
    const server = await serve();
    atEnd(t, () => server.stop());
    const { page, is, heard } = await withLine(t, await nginx(t, name, server));
    const { transport } = await is("open");
    t.diagnostic(`${name}.conf: ${transport}`);
    assert.equal(transport, wanted);
    await publish(server, 1, 20);
    await page.evaluate(() => /** @type {any} */ (globalThis).line.publish("chat:x", 21));
    assert.deepEqual(data(await heard(21)), numbers(21));
    assert.equal(await page.evaluate(() => Object.values(localStorage)[0]?.split(" ")[0] ?? "websocket"), wanted);
  });
}

test("a page sees who comes and goes", async (t) => {
  const server = await serve({ env: { OPENLINE_NAMESPACES: '{"chat":{"presence":true,"join_leave":true}}', OPENLINE_PRESENCE_GRACE: "10ms" } });
  atEnd(t, () => server.stop());
  const { page, is } = await withLine(t, server.url);
  await is("open");
  const seen = await page.evaluate(async () => {
    const { line } = /** @type {any} */ (globalThis);
    /** @type {any[]} */
    const seen = [];
    const next = () => new Promise((resolve) => line.on("presence", (/** @type {any} */ { type, data }) => data.user === "bob" && resolve([type, data.user])));
    const joins = next();
    const bob = new line.constructor(null, { user: "bob", channels: ["chat:x"] });
    seen.push(await joins);
    const { members } = await line.presence("chat:x");
    seen.push(members.map((/** @type {any} */ { user }) => user).sort());
    const leaves = next();
    bob.close();
    seen.push(await leaves);
    return seen;
  });
  assert.deepEqual(seen, [
    ["sys:join", "bob"],
    ["alice", "bob"],
    ["sys:leave", "bob"],
  ]);
});

test("a line goes on where it was when only another transport gets through", async (t) => {
  const server = await serve();
  atEnd(t, () => server.stop());
  const way = await wire(t, server.port);
  const { page, is, heard, states } = await withLine(t, way.url);
  await is("open");
  await publish(server, 1, 10);
  await heard(10);
  await page.evaluate(() => {
    globalThis.WebSocket = /** @type {any} */ (
      class {
        constructor() {
          throw new Error("not here");
        }
      }
    );
  });
  way.cut();
  await publish(server, 11, 20);
  assert.deepEqual(data(await heard(20)), numbers(20));
  assert.equal((await is("open")).transport, "sse");
  assert.ok((await states()).some(({ name, transport, resumed }) => name === "open" && transport === "sse" && resumed));
});

for (const transport of /** @type {const} */ (["websocket", "sse", "poll"])) {
  test(`a page of another origin has its line over ${transport}`, async (t) => {
    const secret = "a-secret-of-at-least-thirty-two-bytes!";
    const foreign = createServer((_, response) => {
      response.setHeader("Content-Type", "text/html");
      response.end("<!doctype html><title>elsewhere</title><link rel=icon href=data:,>");
    });
    foreign.listen(0, "127.0.0.1");
    await once(foreign, "listening");
    atEnd(t, () => foreign.close());
    const origin = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (foreign.address()).port}`;
    const server = await serve({ env: { OPENLINE_ORIGINS: origin, OPENLINE_TOKEN_HMAC_SECRET: secret } });
    atEnd(t, () => server.stop());
    const page = await open(t, origin, { others: [server.url] });
    const heard = await page.evaluate(
      async ([url, transport, token]) => {
        const { Openline } = await import(/** @type {any} */ (`${url}openline.js`));
        const line = new Openline(url, { user: "alice", channels: ["chat:x"], transports: [transport], token: async () => token });
        line.publish("chat:x", "hi");
        for await (const { data, from } of line) return [line.transport, data, from];
      },
      [server.url, transport, sign(secret, "alice")],
    );
    assert.deepEqual(heard, [transport, "hi", "alice"]);
  });
}
