// What is asked for over the line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { message, opening } from "./fake.js";
import { setup, settle } from "./setup.js";

/** @param {number} ref @param {object} [data] */
const ok = (ref, data) => ({ type: "sys:ok", ref, data });

test("requests are what the protocol says", async (t) => {
  const { server, line, is } = await setup(t);
  const arrival = await server.next();
  arrival.open();
  await is("open");
  /** @type {[Promise<any>, object][]} */
  const all = [
    [line.subscribe("a", { since: "e-1" }), { type: "subscribe", channel: "a", since: "e-1" }],
    [line.unsubscribe("a"), { type: "unsubscribe", channel: "a" }],
    [line.publish("a", { n: 1 }, { event: "said", key: "k" }), { type: "publish", channel: "a", data: { n: 1 }, event: "said", key: "k" }],
    [line.send("bob", 1, { key: "k" }), { type: "send", to: "bob", data: 1, key: "k" }],
    [line.presence("a"), { type: "presence", channel: "a" }],
    [line.history("a", { since: "e-1", limit: 3 }), { type: "history", channel: "a", since: "e-1", limit: 3 }],
  ];
  for (const [reply, wanted] of all) {
    const { ref, ...request } = await arrival.next();
    assert.deepEqual(request, wanted);
    arrival.say(ok(ref, { for: ref }));
    assert.deepEqual(await reply, { for: ref });
  }
});

test("a refusal has the server's word", async (t) => {
  const { server, line, is } = await setup(t);
  const arrival = await server.next();
  arrival.open();
  await is("open");
  const refused = assert.rejects(line.subscribe("@bob"), { code: "reserved", message: "Not that one." });
  const { ref } = await arrival.next();
  arrival.say({ type: "sys:error", ref, data: { code: "reserved", message: "Not that one." } });
  await refused;
  assert.equal(line.state.name, "open");
});

test("a request waits for the line, and is made again with the same key when the reply was lost", async (t) => {
  const { server, line, is, pass } = await setup(t);
  const published = line.publish("a", 1);
  const subscribed = line.subscribe("b");
  const first = await server.next();
  assert.deepEqual(first.query, {});
  first.open();
  const asked = await first.next();
  assert.match(asked.once, /^[!-~]{8,128}$/);
  assert.equal((await first.next()).type, "subscribe");
  first.end();
  await is("waiting");
  const later = line.publish("a", 2);
  pass(30_000 - 29_500);
  const second = await server.next();
  second.open();
  assert.deepEqual(await second.next(), asked);
  const { ref } = await second.next();
  const third = await second.next();
  assert.notEqual(third.once, asked.once);
  second.say(ok(asked.ref, { id: "e-1" }), ok(ref, {}), ok(third.ref, { id: "e-2" }));
  assert.deepEqual(await Promise.all([published, subscribed, later]), [{ id: "e-1" }, {}, { id: "e-2" }]);
});

test("a request is given up in time", async (t) => {
  const { server, line, is, pass } = await setup(t, { requestTimeout: 1000 });
  const arrival = await server.next();
  arrival.open();
  await is("open");
  const lost = assert.rejects(line.presence("a"), { code: "timeout" });
  const { ref } = await arrival.next();
  pass(1000);
  await lost;
  arrival.say(ok(ref));
  await settle();
});

test("only so many wait", async (t) => {
  const { server, line } = await setup(t);
  await server.next();
  const all = Array.from({ length: 1000 }, () => line.presence("a").catch(({ code }) => code));
  await assert.rejects(line.presence("a"), { code: "limit" });
  line.close();
  assert.deepEqual(new Set(await Promise.all(all)), new Set(["closed"]));
});

test("data that is no JSON is refused at once", async (t) => {
  const { server, line } = await setup(t);
  await server.next();
  await assert.rejects(line.publish("a", 1n), TypeError);
});

/** @param {import("node:test").TestContext} t @param {object} [options] */
async function polling(t, options) {
  const s = await setup(t, { transports: ["sse"], ...options });
  const down = await s.server.next();
  down.event(opening({ session: "s9" }));
  await s.is("open");
  return { ...s, down };
}

test("where the line goes one way requests go by POST, together, in order, one batch at a time", async (t) => {
  const { server, line } = await polling(t, { token: "t" });
  const one = line.publish("a", 1);
  const two = line.presence("a");
  const post = await server.next();
  assert.deepEqual([post.method, post.path, post.query], ["POST", "/send/alice", { session: "s9" }]);
  assert.equal(post.headers["content-type"], "application/x-ndjson");
  assert.equal(post.headers.authorization, "Bearer t");
  assert.deepEqual(
    post.requests.map(({ type }) => type),
    ["publish", "presence"],
  );
  const three = line.publish("a", 3);
  await settle();
  assert.equal(server.waiting, 0);
  const [first, second] = post.requests;
  post.write(`${JSON.stringify(ok(first.ref, { id: "e-1" }))}\n${JSON.stringify({ type: "sys:error", ref: second.ref, data: { code: "x", message: "No." } })}\n`);
  post.finish();
  assert.deepEqual(await one, { id: "e-1" });
  await assert.rejects(two, { code: "x" });
  const next = await server.next();
  next.answer(200, {}, ok(next.requests[0].ref, { id: "e-2" }));
  assert.deepEqual(await three, { id: "e-2" });
});

test("a batch is bounded, but for one request that is larger", async (t) => {
  const { server, line } = await polling(t);
  const text = "x".repeat(40_000);
  const all = [line.publish("a", text), line.publish("a", text), line.publish("a", text.repeat(3))];
  for (const wanted of [2, 1]) {
    const post = await server.next();
    assert.equal(post.requests.length, wanted);
    post.write(post.requests.map(({ ref }) => JSON.stringify(ok(ref))).join("\n"));
    post.finish();
  }
  await Promise.all(all);
});

test("a subscription by POST moves the cursor back, never on", async (t) => {
  const { server, line, down, heard, until } = await polling(t);
  down.event(message(7));
  await until(() => heard.length === 1);
  for (const [since, cursor] of [
    [undefined, "e-7"],
    ["e-3", "e-3"],
  ]) {
    const done = line.subscribe("b", { since });
    const post = await server.next();
    post.answer(200, {}, ok(post.requests[0].ref, { cursor: since ?? "e-9" }));
    await done;
    assert.equal(line.cursor, cursor);
  }
});

test("a POST that is refused is the requests' end", async (t) => {
  const { server, line } = await polling(t);
  for (const status of [400, 403, 413, 415]) {
    const refused = assert.rejects(line.publish("a", 1), { code: "word", message: "Do this." });
    (await server.next()).answer(status, {}, { code: "word", detail: "Do this." });
    await refused;
  }
  assert.equal(line.state.name, "open");
});

test("what a POST leaves unanswered is asked again, and what was not even read is refused", async (t) => {
  const { server, line, pass, armed } = await polling(t);
  const one = line.publish("a", 1);
  const large = assert.rejects(line.publish("a", 2), { code: "too_large" });
  const two = line.publish("a", 3);
  const post = await server.next();
  const [first, , third] = post.requests;
  /** @param {string} code */
  const error = (code) => JSON.stringify({ type: "sys:error", data: { code, message: "No." } });
  post.write(`${JSON.stringify(ok(first.ref, { id: "e-1" }))}\n${error("too_large")}\n${error("rate_limit")}\n`);
  post.finish();
  assert.deepEqual(await one, { id: "e-1" });
  await large;
  await armed(2000);
  pass(2000);
  const again = await server.next();
  assert.deepEqual(again.requests, [third]);
  again.answer(200, {}, ok(third.ref, { id: "e-2" }));
  assert.deepEqual(await two, { id: "e-2" });
});

test("a POST that fails is made again", async (t) => {
  const { server, line, pass, armed } = await polling(t);
  const done = line.publish("a", 1);
  const first = await server.next();
  first.answer(503, { "Retry-After": "2" });
  await armed(4000);
  pass(3999);
  await settle();
  assert.equal(server.waiting, 0);
  pass(1);
  const second = await server.next();
  assert.equal(second.body, first.body);
  second.answer(200, {}, ok(second.requests[0].ref, { id: "e-1" }));
  assert.deepEqual(await done, { id: "e-1" });
});

test("a POST that finds no session has the line come back", async (t) => {
  for (const status of [401, 404, 410]) {
    await t.test(String(status), async (t) => {
      const { server, line, is, pass } = await polling(t, { token: () => "t" });
      const done = line.publish("a", 1);
      const post = await server.next();
      post.answer(status);
      pass((await is("waiting")).delay);
      (await server.next()).event(opening({ session: "s10" }));
      const again = await server.next();
      assert.deepEqual([again.body, again.query.session], [post.body, "s10"]);
      again.answer(200, {}, ok(again.requests[0].ref, { id: "e-1" }));
      assert.deepEqual(await done, { id: "e-1" });
    });
  }
});
