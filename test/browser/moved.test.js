// One user's stream, carried from transport to transport by its cursor.

import assert from "node:assert/strict";
import { test } from "node:test";
import { live, numbers, publish } from "./backend.js";
import { useBrowser } from "./browser.js";
import { random, seed } from "./cut.js";
import { curls, inPage, judge, messages, perfect } from "./plain.js";
import { call } from "./server.js";

useBrowser();

/** A way along each of the edges between five, in both directions: Euler's. @param {string[]} names */
function everyPair(names) {
  const left = new Map(names.map((name) => [name, names.filter((other) => other !== name)]));
  /** @type {string[]} */
  const way = [];
  const stack = [names[0]];
  while (stack.length > 0) {
    const next = left.get(stack[stack.length - 1])?.pop();
    if (next) stack.push(next);
    else way.unshift(/** @type {string} */ (stack.pop()));
  }
  return way;
}

test("a stream that moves from each transport to each other, while messages come, has every message once", async (t) => {
  const place = await live(t);
  const { page, ...inside } = await inPage(t, place.server.url);
  /** @type {Record<string, import("./plain.js").Client>} */
  const clients = { ...inside, ...curls(t) };
  const way = everyPair(Object.keys(clients));
  assert.equal(way.length, 21);
  const chance = random(seed);
  const total = 800;
  const [start] = (await publish(place.life, "chat:x", [0])).ids;
  const backend = publish(place.life, "chat:x", numbers(1, total), { rate: 200 });
  /** @type {any[]} */
  const heard = [];
  let since = start;
  for (const [n, name] of way.entries()) {
    const part = n === way.length - 1 ? { last: total } : { count: 1 + Math.floor(chance() * 60) };
    const visit = await clients[name](place.server.url, "alice", { channels: "chat:x", since, ...part });
    assert.ok(visit.enough, `${name} ended: ${visit.code}`);
    const [open] = visit.heard;
    if (open.type === "sys:open") assert.deepEqual([open.data.resumed, open.data.transport], [true, name === "longpoll" ? "poll" : name], JSON.stringify(open));
    else assert.match(name, /poll/); // the session of another way to poll
    heard.push(...visit.heard);
    since = visit.cursor;
    if (messages(heard).at(-1).data === total) break;
  }
  await backend;
  const found = judge(heard, total);
  t.diagnostic(`seed ${seed}: ${total} messages over ${way.length} sessions: ${JSON.stringify(found)}`);
  assert.deepEqual(found, perfect);
});

test("a polling session is taken over by whoever has its cursor, and its held poll ends", async (t) => {
  const place = await live(t);
  const { websocket, sse } = await inPage(t, place.server.url);
  const { stream, longpoll } = curls(t);
  const base = place.server.url;
  const sessions = async () => (await call(place.server, "GET", "api/users/alice")).sessions.map((/** @type {any} */ s) => s.transport);
  let sent = 0;
  for (const [name, client] of Object.entries({ websocket, sse, stream })) {
    // One poll opens the session; the next one is held.
    const first = await longpoll(base, "alice", { channels: "chat:x", count: 0 });
    assert.match(first.cursor, /^[\w-]+\.[\w.-]+$/);
    assert.deepEqual(await sessions(), ["poll"]);
    const held = longpoll(base, "alice", { channels: "chat:x", since: first.cursor, count: 1 });
    const other = client(base, "alice", { channels: "chat:x", since: first.cursor, count: 1 });
    // Whichever of the two came first, a message reaches both, each in a session of its own at most.
    await publish(place.life, "chat:x", [++sent]);
    assert.deepEqual(messages((await other).heard).map(({ data }) => data), [sent], name);
    assert.deepEqual(messages((await held).heard).map(({ data }) => data), [sent], name);
    await call(place.server, "DELETE", "api/users/alice/sessions");
  }
});
