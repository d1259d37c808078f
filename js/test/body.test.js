// What is read of the bodies of the three transports over HTTP.

import assert from "node:assert/strict";
import { test } from "node:test";
import { message, opening } from "./fake.js";
import { setup, settle } from "./setup.js";

const open = JSON.stringify(opening());
const m = JSON.stringify(message(1));
/** @param {string} text */
const bytes = (text) => new TextEncoder().encode(text);

/** Each a body of server-sent events by the rules of HTML §9.2.6, and the ids that are heard. */
const events = /** @type {[string, string, string[]][]} */ ([
  ["lines end at LF", `data: ${open}\n\ndata: ${m}\n\n`, ["e-1"]],
  ["lines end at CRLF", `data: ${open}\r\n\r\ndata: ${m}\r\n\r\n`, ["e-1"]],
  ["lines end at CR", `data: ${open}\r\rdata: ${m}\r\r:\n`, ["e-1"]],
  ["a BOM goes before", `\ufeffdata: ${open}\n\ndata: ${m}\n\n`, ["e-1"]],
  ["comments and other fields are passed over", `: hello\nretry: 10\nid: e-0\nevent: sys:open\nfoo: x\ndata: ${open}\n\n:\n\nData: x\ndata:${m}\n\n`, ["e-1"]],
  ["data may have many lines", `data: ${open}\n\ndata: ${m.slice(0, 1)}\ndata: ${m.slice(1)}\ndata\n\n`, ["e-1"]],
  ["an event without data is none", `data: ${open}\n\nid: 7\n\nevent: message\n\ndata: ${m}\n\n`, ["e-1"]],
  ["an event without an end is none", `data: ${open}\n\ndata: ${m}\n\ndata: ${JSON.stringify(message(2))}\n`, ["e-1"]],
  ["data that is no envelope is passed over", `data: ${open}\n\ndata: {\n\ndata: 7\n\ndata: ${m}\n\n`, ["e-1"]],
]);

for (const [name, body, wanted] of events) {
  test(`server-sent events: ${name}, however they are cut`, async (t) => {
    for (const size of [1, 2, 7, 10_000]) {
      const { server, ids, is } = await setup(t, { transports: ["sse"] });
      const arrival = await server.next();
      const all = bytes(body);
      for (let at = 0; at < all.length; at += size) arrival.write(all.slice(at, at + size));
      arrival.finish();
      await is("waiting");
      assert.deepEqual(ids(), wanted, `in pieces of ${size}`);
    }
  });
}

test("characters are whole again when octets were cut", async (t) => {
  const { server, heard, until } = await setup(t, { transports: ["stream"] });
  const arrival = await server.next();
  for (const byte of bytes(`${open}\n${JSON.stringify(message(1, { data: "ü€🙂" }))}\n`)) arrival.write(Uint8Array.of(byte));
  await until(() => heard.length === 1);
  assert.equal(heard[0].data, "ü€🙂");
});

test("a stream's lines are envelopes, an empty one a sign of life, and one that is cut off is none", async (t) => {
  const { server, line, ids, heard, is, until, pass } = await setup(t, { transports: ["stream"] });
  const arrival = await server.next();
  assert.equal(arrival.path, "/stream/alice");
  arrival.write(`${open}\n\n${m}\n\n\n${JSON.stringify(message(2))}\n${JSON.stringify(message(3)).slice(0, -1)}`);
  await until(() => heard.length === 2);
  arrival.end();
  const { delay } = await is("waiting");
  assert.deepEqual(ids(), ["e-1", "e-2"]);
  assert.equal(line.cursor, "e-2");
  pass(delay);
  assert.equal((await server.next()).query.since, "e-2");
});

test("a stream that is silent for too long is left", async (t) => {
  const { server, is, states, heard, until, pass } = await setup(t, { transports: ["sse"] });
  const arrival = await server.next();
  arrival.event(opening({ ping: 10 }));
  await is("open");
  pass(20_000);
  arrival.event(message(1));
  await until(() => heard.length === 1);
  pass(20_000);
  assert.equal(states.at(-1)?.name, "open");
  pass(10_000);
  assert.equal((await is("waiting")).reason, "silence");
  await arrival.gone;
});

test("what ends a session is known by its last word where there is no close code", async (t) => {
  for (const [word, code, name] of /** @type {[string, number, string][]} */ ([
    ["forbidden", 4003, "closed"],
    ["closed", 4009, "closed"],
    ["unauthorised", 4001, "closed"],
    ["slow_consumer", 4008, "waiting"],
    ["rate_limit", 4029, "waiting"],
    ["try_later", 0, "waiting"],
    ["internal", 0, "waiting"],
  ])) {
    await t.test(word, async (t) => {
      const { server, line, until } = await setup(t, { transports: ["sse", "poll"] });
      /** @type {any[]} */
      const errors = [];
      line.on("error", (error) => errors.push(error));
      const arrival = await server.next();
      arrival.event(opening()).event({ type: "sys:error", data: { code: word, message: "Do this." } });
      arrival.finish();
      await until(() => ["closed", "waiting"].includes(line.state.name));
      const { state } = line;
      assert.ok(state.name === "closed" || state.name === "waiting");
      assert.deepEqual([state.name, state.code, state.reason], [name, code, "Do this."]);
      assert.deepEqual(errors, [{ code: word, message: "Do this." }]);
    });
  }
});

test("a session that is over for good is known by its last id", async (t) => {
  const { server, line, is, pass } = await setup(t, { transports: ["sse"] });
  const arrival = await server.next();
  arrival.event(opening()).write("id: e-0.s1\n\nid: e-1");
  arrival.finish();
  pass((await is("waiting")).delay);
  assert.equal(line.cursor, "e-0.s1");
  const again = await server.next();
  assert.equal(again.query.since, "e-0.s1");
  again.answer(204);
  assert.equal((await is("closed")).code, 204);
});

test("a full server is asked again when it wants to be, by the same transport", async (t) => {
  const { server, is, pass } = await setup(t, { transports: ["sse", "poll"] }, { random: 0 });
  const arrival = await server.next();
  arrival.write("retry: 2500\n\n").event({ type: "sys:error", data: { code: "closed", message: "Full." } });
  arrival.finish();
  assert.deepEqual(await is("waiting"), { name: "waiting", delay: 2500, code: 0, reason: "Full." });
  pass(2500);
  assert.equal((await server.next()).path, "/sse/alice");
});

test("retry is digits", async (t) => {
  const { server, is } = await setup(t, { transports: ["sse"] }, { random: 0 });
  const arrival = await server.next();
  arrival.event(opening()).write("retry: 700\nretry: 1e3\nretry: -1\nretry: 1 0\nretry:\n\n");
  arrival.finish();
  assert.equal((await is("waiting")).delay, 700);
});

test("a poll repeats the cursor of the answer before, and the channels of now", async (t) => {
  const { server, line, ids, heard, is, until, pass } = await setup(t, { transports: ["poll"], channels: ["a"] });
  const first = await server.next();
  assert.deepEqual(first.query, { channels: "a" });
  first.answer(200, {}, { cursor: "e-0.s1", messages: [opening({ cursor: "e-0" })] });
  await is("open");
  const second = await server.next();
  assert.deepEqual(second.query, { channels: "a", since: "e-0.s1", wait: "25s" });
  second.answer(200, {}, { cursor: "e-2.s1", messages: [message(1), message(2)], more: true });
  const third = await server.next();
  assert.equal(third.query.since, "e-2.s1");
  assert.equal(line.cursor, "e-2.s1");
  third.answer(200, {}, { cursor: "e-2.s1", messages: [] });
  const fourth = await server.next();
  fourth.answer(502);
  pass((await is("waiting")).delay);
  const fifth = await server.next();
  assert.deepEqual(fifth.query, { channels: "a", since: "e-2.s1" }, "at once, until it is known to get through");
  fifth.answer(200, {}, { cursor: "e-3.s1", messages: [message(2), message(3)] });
  await until(() => heard.length === 3);
  assert.deepEqual(line.state, { name: "open", transport: "poll", resumed: true, session: "s1", user: "alice" });
  assert.deepEqual(ids(), ["e-1", "e-2", "e-3"]);
});

test("a polling session that is new opens anew", async (t) => {
  const { server, line, states, is, until } = await setup(t, { transports: ["poll"] });
  (await server.next()).answer(200, {}, { cursor: "e-0.s1", messages: [opening()] });
  await is("open");
  (await server.next()).answer(200, {}, { cursor: "e-4.s2", messages: [opening({ session: "s2", resumed: true }), message(4)] });
  await until(() => states.length === 3);
  assert.equal(line.state.name === "open" && line.state.session, "s2");
});

test("a poll that hangs is given up", async (t) => {
  const { server, is, pass } = await setup(t, { transports: ["poll"] });
  (await server.next()).answer(200, {}, { cursor: "e-0.s1", messages: [opening({ ping: 30 })] });
  await is("open");
  const held = await server.next();
  pass(60_000);
  pass(15_000);
  assert.equal((await is("waiting")).reason, "silence");
  await held.gone;
});

test("an answer that is nobody's is no answer", async (t) => {
  const { server, is } = await setup(t, { transports: ["poll", "stream"] });
  (await server.next()).answer(200, { "Content-Type": "text/html" }, "Please sign in.");
  const second = await server.next();
  second.write("<!doctype html>\n<p>Please sign in.\n");
  second.finish();
  await is("waiting");
});

test("nothing of an answer is heard behind the end", async (t) => {
  const { server, line, ids, is } = await setup(t, { transports: ["poll"] });
  line.on("message", () => line.close());
  (await server.next()).answer(200, {}, { cursor: "e-2.s1", messages: [opening(), message(1), message(2)] });
  await is("closed");
  await settle();
  assert.deepEqual(ids(), ["e-1"]);
  assert.equal(line.cursor, "e-1");
});
