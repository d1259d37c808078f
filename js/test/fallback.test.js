// Which transport is tried, left and remembered.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Openline } from "../openline.js";
import { message, opening } from "./fake.js";
import { setup, watch } from "./setup.js";

/** @typedef {Awaited<ReturnType<typeof setup>>["server"]} Server */

const kept = () => Object.values(localStorage);

/** @param {Server} server @param {string} path */
async function refuse(server, path) {
  const arrival = await server.next();
  assert.equal(arrival.path, path);
  arrival.answer(path.startsWith("/ws") ? 426 : 404);
}

test("where no WebSocket gets through, server-sent events do", async (t) => {
  const { server, line, is, heard, until, pass } = await setup(t, { channels: ["chat:x"], token: "t" });
  await refuse(server, "/ws/alice");
  const arrival = await server.next();
  assert.equal(arrival.path, "/sse/alice");
  assert.deepEqual(arrival.query, { channels: "chat:x" });
  assert.equal(arrival.headers.authorization, "Bearer t");
  assert.equal(arrival.headers.accept, "text/event-stream");
  assert.equal(arrival.headers["cache-control"], "no-cache");
  arrival.event(opening({ transport: "sse" })).event(message(1));
  await until(() => heard.length === 1);
  assert.equal(line.transport, "sse");
  assert.deepEqual(kept(), [`sse ${Date.now() + 3_600_000}`]);
  arrival.end();
  pass((await is("waiting")).delay);
  const again = await server.next();
  assert.deepEqual([again.path, again.query.since], ["/sse/alice", "e-1"]);
});

test("where bodies are held back, polling gets through", async (t) => {
  const { server, line, states, is, until, pass } = await setup(t);
  await refuse(server, "/ws/alice");
  for (const path of ["/sse/alice", "/stream/alice"]) {
    const arrival = await server.next();
    assert.equal(arrival.path, path);
    pass(4999);
    assert.equal(line.state.name, "connecting");
    const seen = states.length;
    pass(1);
    await until(() => states.length > seen);
    await arrival.gone;
  }
  const poll = await server.next();
  assert.deepEqual([poll.path, poll.query], ["/poll/alice", {}]);
  poll.answer(200, {}, { cursor: "e-0.s1", messages: [opening({ transport: "poll" })] });
  await is("open");
  assert.equal(line.transport, "poll");
  assert.deepEqual((await server.next()).query, { since: "e-0.s1", wait: "25s" });
});

test("a WebSocket that opens and says nothing is left, too", async (t) => {
  const { server, pass } = await setup(t);
  const arrival = (await server.next()).accept();
  pass(5000);
  assert.ok("closed" in (await arrival.next()));
  assert.equal((await server.next()).path, "/sse/alice");
});

test("when nothing gets through it waits and begins anew", async (t) => {
  const { server, is, pass } = await setup(t);
  for (const path of ["ws", "sse", "stream", "poll"]) await refuse(server, `/${path}/alice`);
  const { code, delay } = await is("waiting");
  assert.equal(code, 404);
  pass(delay);
  await refuse(server, "/ws/alice");
});

test("another line of the page begins with what got through, for an hour", async (t) => {
  const { server, is } = await setup(t);
  await refuse(server, "/ws/alice");
  (await server.next()).event(opening());
  await is("open");
  for (const [later, path] of /** @type {[number, string][]} */ ([
    [3_599_000, "/sse/bob"],
    [3_600_001, "/ws/bob"],
  ])) {
    const now = Date.now();
    t.mock.method(Date, "now", () => now + later);
    const line = new Openline(server.url, { user: "bob" });
    t.after(() => line.close());
    assert.equal((await server.next()).path, path);
    t.mock.method(Date, "now", () => now);
    line.close();
  }
});

test("what is remembered and no longer works is forgotten", async (t) => {
  const { server, is, line } = await setup(t);
  await refuse(server, "/ws/alice");
  (await server.next()).event(opening());
  await is("open");
  line.close();
  assert.equal(kept().length, 1);
  const other = new Openline(server.url, { user: "bob" });
  t.after(() => other.close());
  const { is: otherIs } = watch(other);
  for (const path of ["sse", "stream", "poll"]) await refuse(server, `/${path}/bob`);
  await otherIs("waiting");
  assert.deepEqual(kept(), []);
});

test("a transport that is not in the list is not used, whatever is remembered", async (t) => {
  const { server } = await setup(t);
  await server.next();
  localStorage[`openline ${server.url}/`] = `poll ${Date.now() + 1e6}`;
  const line = new Openline(server.url, { user: "bob", transports: ["stream", "sse"] });
  t.after(() => line.close());
  assert.equal((await server.next()).path, "/stream/bob");
});

test("a server that is away is no reason to try everything", async (t) => {
  const { server, states, is, pass, until } = await setup(t);
  const arrival = await server.next();
  arrival.open();
  await is("open");
  server.stop();
  pass((await is("waiting")).delay);
  const seen = states.length;
  await until(() => states.length > seen && states.at(-1)?.name === "waiting");
  assert.deepEqual(
    states.slice(3).map((state) => ("transport" in state ? state.transport : state.name)),
    ["websocket", "sse", "waiting"],
  );
  pass((await is("waiting")).delay);
  assert.deepEqual(states.at(-1), { name: "connecting", transport: "websocket" });
});

test("one that took a better one's place is left again soon", async (t) => {
  const { server, line, is, pass } = await setup(t);
  const first = await server.next();
  first.open();
  await is("open");
  first.end();
  pass((await is("waiting")).delay);
  await refuse(server, "/ws/alice");
  const second = await server.next();
  second.event(opening({ cursor: "e-5", ping: 60 }));
  await is("open");
  assert.equal(line.transport, "sse");
  pass(60_000);
  assert.equal(line.transport, "sse");
  pass(30_000);
  const { delay, reason } = await is("waiting");
  assert.equal(reason, "");
  pass(delay);
  const third = await server.next();
  assert.deepEqual([third.path, third.query.since], ["/ws/alice", "e-5"]);
});

test("what an answer says is believed, whichever transport it came by", async (t) => {
  for (const [status, name] of /** @type {[number, string][]} */ ([
    [204, "closed"],
    [400, "closed"],
    [403, "closed"],
    [410, "closed"],
    [408, "waiting"],
    [429, "waiting"],
    [500, "waiting"],
    [502, "waiting"],
    [503, "waiting"],
    [504, "waiting"],
  ])) {
    await t.test(String(status), async (t) => {
      const { server, line, until } = await setup(t, { transports: ["sse", "poll"] });
      (await server.next()).answer(status, {}, status === 204 ? undefined : { detail: "Do something else." });
      await until(() => line.state.name !== "connecting");
      const { state } = line;
      assert.ok(state.name === "closed" || state.name === "waiting");
      assert.deepEqual([state.name, state.code, state.reason], [name, status, status === 204 ? "" : "Do something else."]);
    });
  }
});

test("401 has another token asked for", async (t) => {
  let count = 0;
  const { server, is, pass } = await setup(t, { transports: ["poll"], token: () => `t${++count}` });
  const first = await server.next();
  assert.equal(first.headers.authorization, "Bearer t1");
  first.answer(401);
  pass((await is("waiting")).delay);
  assert.equal((await server.next()).headers.authorization, "Bearer t2");
});

test("Retry-After is waited for, and a little more", async (t) => {
  const { server, is } = await setup(t, { transports: ["stream"] });
  (await server.next()).answer(503, { "Retry-After": "7" });
  assert.equal((await is("waiting")).delay, 7500);
});
