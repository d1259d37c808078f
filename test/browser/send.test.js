// Upstream by POST, for sessions whose transport only goes down, and for the WebSocket's too.

import assert from "node:assert/strict";
import { test } from "node:test";
import { live } from "./backend.js";
import { useBrowser } from "./browser.js";
import { curl, curls, inPage } from "./plain.js";
import { call } from "./server.js";

useBrowser();

/**
 * Asks for one thing, or for many, as a person would who has only curl.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} url  of the server
 * @param {string} path
 * @param {object | object[]} body
 * @returns {Promise<any>}
 */
async function send(t, url, path, body) {
  const many = Array.isArray(body);
  const text = many ? body.map((each) => JSON.stringify(each)).join("\n") : JSON.stringify(body);
  const { code, output } = await curl(t, ["--header", `Content-Type: application/${many ? "x-ndjson" : "json"}`, "--data-binary", text, `${url}send/${path}`]);
  assert.equal(code, 0, path);
  return many ? output.trimEnd().split("\n").map((line) => JSON.parse(line)) : JSON.parse(output);
}

test("a session on each transport subscribes, publishes and asks by /send", async (t) => {
  const place = await live(t, { OPENLINE_NAMESPACES: "{room: {presence: true}}" });
  const url = place.server.url;
  const { page, ...inside } = await inPage(t, url);
  for (const [name, client] of Object.entries({ ...inside, ...curls(t) })) {
    const channel = `room:${name}`;
    // The session leaves when it has heard the last message; until then it is asked for by its name.
    const run = client(url, name, { channels: "chat:first", last: "last" });
    const [{ session }] = await present(place.server, name);
    const mine = `${name}?session=${session}`;

    const subscribed = await send(t, url, mine, { type: "subscribe", channel, ref: 1 });
    assert.deepEqual([subscribed.type, subscribed.ref], ["sys:ok", 1], JSON.stringify(subscribed));
    const replies = await send(t, url, mine, [
      { type: "publish", channel, event: "said", data: { n: 1 }, ref: "a" },
      { type: "history", channel, since: subscribed.data.cursor, ref: "b" },
      { type: "presence", channel, ref: "c" },
      { type: "publish", channel: "@bob", ref: "d" },
      { type: "publish", channel, data: "last", ref: "e" },
    ]);
    assert.deepEqual(replies.map((/** @type {any} */ r) => r.type.slice(4) + r.ref), ["oka", "okb", "okc", "errord", "oke"], name);
    const [first, history, presence, , last] = replies.map((/** @type {any} */ r) => r.data);
    assert.deepEqual([first.delivered, first.stored], [1, true], name);
    assert.deepEqual(history.messages.map((/** @type {any} */ m) => [m.id, m.type, m.from, m.data]), [[first.id, "said", name, { n: 1 }]], name);
    assert.deepEqual(presence.members.map((/** @type {any} */ m) => [m.user, m.sessions]), [[name, [session]]], name);

    const visit = await run;
    assert.ok(visit.enough, name);
    if (name !== "sse") assert.deepEqual(visit.heard.filter(({ type }) => type === "said").map(({ data }) => data), [{ n: 1 }], name); // an EventSource hears the types that it asks for
    assert.equal(visit.heard.at(-1).id, last.id, name);
    // Who asks needs no session, and who has just left is still here.
    const { data } = await send(t, url, "carol", { type: "presence", channel });
    assert.deepEqual(data.members.map((/** @type {any} */ m) => m.user), [name]);
  }
});

/**
 * The user's sessions, as soon as there is one.
 *
 * @param {import("./server.js").Server} server
 * @param {string} user
 * @returns {Promise<any[]>}
 */
async function present(server, user) {
  for (;;) {
    const { sessions } = await call(server, "GET", `api/users/${user}`);
    if (sessions.length > 0) return sessions;
  }
}

test("what is about a session needs one, and only one's own", async (t) => {
  const place = await live(t);
  const url = place.server.url;
  const polls = curls(t).poll;
  const { cursor } = await polls(url, "alice", { count: 0 });
  const session = cursor.split(".")[1];
  const ask = { type: "subscribe", channel: "chat:x" };
  assert.equal((await send(t, url, `alice?session=${session}`, ask)).type, "sys:ok");
  assert.equal((await send(t, url, "alice", ask)).type, "sys:error");
  assert.equal((await send(t, url, `bob?session=${session}`, ask)).status, 404);
  await call(place.server, "DELETE", "api/users/alice/sessions");
  assert.ok([404, 410].includes((await send(t, url, `alice?session=${session}`, ask)).status));
});
