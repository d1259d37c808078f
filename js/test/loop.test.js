// The line as a loop, and the word that a message has been taken in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { message } from "./fake.js";
import { setup, settle } from "./setup.js";

/** @param {import("node:test").TestContext} t @param {object} [options] */
async function opened(t, options) {
  const s = await setup(t, options);
  const arrival = await s.server.next();
  arrival.open();
  await s.is("open");
  return { ...s, arrival };
}

test("a loop has everything in order, until the line is closed", async (t) => {
  const { line, arrival } = await opened(t);
  arrival.say(message(1), { type: "sys:gap", data: { reason: "evicted" } }, message(2), { type: "sys:join", data: { user: "bob" } }, message(3));
  const seen = [];
  for await (const { type, id } of line) {
    seen.push(id ?? type);
    if (id === "e-3") line.close();
  }
  assert.deepEqual(seen, ["e-1", "sys:gap", "e-2", "sys:join", "e-3"]);
});

test("a loop throws when the line is closed by another", async (t) => {
  const { line, arrival } = await opened(t);
  arrival.say(message(1));
  /** @type {(string | undefined)[]} */
  const seen = [];
  await assert.rejects(
    async () => {
      for await (const { id } of line) {
        seen.push(id);
        arrival.end(4009, "kicked");
      }
    },
    { code: "closed", message: "kicked" },
  );
  assert.deepEqual(seen, ["e-1"]);
});

test("a loop that lags is told what it has missed", async (t) => {
  const { line, arrival, heard, until } = await opened(t, { buffer: 3 });
  const loop = line[Symbol.asyncIterator]();
  const first = loop.next();
  arrival.say(message(1));
  assert.equal((await first).value?.id, "e-1");
  arrival.say(...[2, 3, 4, 5, 6, 7].map((n) => message(n)));
  await until(() => heard.length === 7);
  const seen = [];
  for (let n = 0; n < 4; n++) seen.push((await loop.next()).value);
  assert.deepEqual(seen[0], { type: "sys:gap", data: { reason: "overflow", after: "e-1", before: "e-5" } });
  assert.deepEqual(
    seen.slice(1).map((envelope) => envelope?.id),
    ["e-5", "e-6", "e-7"],
  );
  arrival.say(message(8));
  assert.equal((await loop.next()).value?.id, "e-8");
  await loop.return();
});

test("what is asked for is acknowledged when the handlers are done, and only if they did not fail", async (t) => {
  const { line, arrival, heard, until } = await opened(t);
  let done = () => {};
  line.on("message", () => new Promise((resolve) => (done = () => resolve(0))));
  arrival.say(message(1, { ack: true }));
  await until(() => heard.length === 1);
  await settle();
  const asked = line.presence("a");
  const { type, ref } = await arrival.next();
  assert.equal(type, "presence", "nothing before it");
  arrival.say({ type: "sys:ok", ref, data: { members: [] } });
  await asked;
  done();
  const ack = await arrival.next();
  assert.deepEqual([ack.type, ack.id], ["ack", "e-1"]);
  arrival.say({ type: "sys:ok", ref: ack.ref }, message(2));
  await until(() => heard.length === 2);
});

test("a loop has taken in what it had when it asks for the next", async (t) => {
  const { line, arrival } = await opened(t);
  const loop = line[Symbol.asyncIterator]();
  const first = loop.next();
  arrival.say(message(1, { ack: true }), message(2, { ack: true }));
  assert.equal((await first).value?.id, "e-1");
  await settle();
  const second = loop.next();
  assert.equal((await arrival.next()).id, "e-1");
  assert.equal((await second).value?.id, "e-2");
  await loop.return();
});
