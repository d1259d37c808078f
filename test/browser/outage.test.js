// Sessions that were away: what they missed, or word of it, on each transport.

import assert from "node:assert/strict";
import { test } from "node:test";
import { live, numbers, publish } from "./backend.js";
import { useBrowser } from "./browser.js";
import { curls, inPage, judge, perfect } from "./plain.js";

useBrowser();

/**
 * @typedef {(name: string, client: import("./plain.js").Client) => Promise<void>} Check
 *
 * @param {import("node:test").TestContext} t
 * @param {import("./backend.js").Life} life
 * @param {Check} check
 */
async function onEach(t, life, check) {
  const { page, ...inside } = await inPage(t, life.server.url);
  for (const [name, client] of Object.entries({ ...inside, ...curls(t) })) await check(name, client);
}

/** @param {any[]} heard @returns {any[]} the data of messages, the types of others */
const shape = (heard) => heard.map(({ type, data }) => (type.startsWith("sys:") ? type : data));

test("who was away for a thousand messages has them all, with nothing configured", async (t) => {
  const place = await live(t);
  await onEach(t, place.life, async (name, client) => {
    const channels = `chat:${name}`;
    const came = await client(place.server.url, name, { channels, count: 0 });
    await publish(place.life, channels, numbers(1, 1000));
    const back = await client(place.server.url, name, { channels, since: came.cursor, last: 1000 });
    t.diagnostic(`${name}: 1000 missed messages in ${Math.round(back.took)} ms`);
    assert.deepEqual(judge(back.heard, 1000), perfect, name);
  });
});

test("where the history is too short there is one gap, then the rest", async (t) => {
  const place = await live(t, { OPENLINE_NAMESPACES: "{brief: {history: {size: 20}}}" });
  await onEach(t, place.life, async (name, client) => {
    const channels = `brief:${name}`;
    await publish(place.life, channels, ["first"]);
    const came = await client(place.server.url, name, { channels, count: 0 });
    const { ids } = await publish(place.life, channels, numbers(1, 100));
    const [since, session] = came.cursor.split(".");
    if (session) {
      const kept = await client(place.server.url, name, { channels, since: came.cursor, last: 100 });
      assert.deepEqual(judge(kept.heard, 100), perfect, `${name}: its session has been there`);
    }
    const { heard } = await client(place.server.url, name, { channels, since, last: 100 });
    assert.deepEqual(shape(heard), ["sys:open", "sys:gap", ...numbers(81, 100)], name);
    assert.equal(heard[0].data.resumed, false, name);
    const { cursor } = heard[1].data;
    assert.deepEqual(heard[1].data, { channel: channels, after: since, before: ids[80], reason: "evicted", cursor }, name);
    const again = await client(place.server.url, name, { channels, since: cursor, last: 100 });
    assert.deepEqual(shape(again.heard), ["sys:open", ...numbers(81, 100)], `${name}: nothing is missing behind the gap`);
  });
});

test("where the order is over there is one gap for all channels, then what the new one has", async (t) => {
  const place = await live(t);
  const { page, ...inside } = await inPage(t, place.server.url);
  const clients = Object.entries({ ...inside, ...curls(t) });
  /** @type {Record<string, string>} */
  const cursors = {};
  for (const [name, client] of clients) {
    await publish(place.life, `chat:${name}`, numbers(1, 3));
    cursors[name] = (await client(place.server.url, name, { channels: `chat:${name},chat:all`, count: 0 })).cursor;
  }
  await place.again("SIGKILL");
  await publish(place.life, "chat:all", [1]);
  for (const [name, client] of clients) {
    const { ids } = await publish(place.life, `chat:${name}`, numbers(2, 3));
    const { heard } = await client(place.server.url, name, { channels: `chat:${name},chat:all`, since: cursors[name], last: 3 });
    assert.deepEqual(shape(heard), ["sys:open", "sys:gap", 1, 2, 3], name);
    assert.equal(heard[0].data.resumed, false, name);
    const [after] = cursors[name].split(".");
    assert.deepEqual(heard[1].data, { after, before: heard[2].id, reason: "restarted", cursor: heard[1].data.cursor }, name);
    assert.deepEqual([heard[3].id, heard[4].id], ids, name);
    assert.equal(heard[0].data.cursor, heard[1].data.cursor, name);
  }
});
