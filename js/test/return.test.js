// When a line that was lost comes back, and when it does not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { message } from "./fake.js";
import { happens, setup } from "./setup.js";

test("waits grow, with full jitter, to 30 s at most", async (t) => {
  const { server, states, is, until, pass } = await setup(t, { transports: ["websocket"] }, { random: 0.5 });
  (await server.next()).answer(503);
  for (const wanted of [500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
    const { delay } = await is("waiting");
    assert.equal(delay, wanted);
    const seen = states.length;
    pass(delay - 1);
    assert.equal(states.length, seen);
    pass(1);
    (await server.next()).answer(503);
    await until(() => states.length === seen + 2);
  }
});

test("a server that ends what it has opened makes the waits longer, unless it lasted; a network does not", async (t) => {
  const { server, is, pass } = await setup(t);
  for (const [code, lasts, wanted] of [
    [1011, 0, 500],
    [1011, 0, 1000],
    [1011, 6000, 500],
    [1011, 0, 1000],
    [0, 0, 500],
    [0, 0, 500],
  ]) {
    const arrival = await server.next();
    arrival.open();
    await is("open");
    pass(lasts);
    arrival.end(code);
    const { delay } = await is("waiting");
    assert.equal(delay, wanted);
    pass(delay);
  }
});

test("a line that is drained comes back when the server asked for", async (t) => {
  const { server, states, is, pass } = await setup(t, {}, { random: 0 });
  const arrival = await server.next();
  arrival.open().say({ type: "sys:drain", data: { retry: 4000 } });
  await is("open");
  arrival.end(1001, "drain");
  assert.deepEqual(await is("waiting"), { name: "waiting", delay: 4000, code: 1001, reason: "drain" });
  happens("online");
  pass(3999);
  assert.equal(states.at(-1)?.name, "waiting");
  pass(1);
  await server.next();
});

test("close codes that end the line for good", async (t) => {
  for (const code of [1000, 1002, 1003, 1007, 1008, 4003, 4009, 4777]) {
    await t.test(String(code), async (t) => {
      const { server, line, is } = await setup(t);
      const arrival = await server.next();
      arrival.open();
      await is("open");
      arrival.end(code, "because");
      await is("closed");
      assert.deepEqual(line.state, { name: "closed", code, reason: "because" });
    });
  }
});

test("close codes after which it comes back by the same transport", async (t) => {
  for (const [code, wanted] of [
    [1001, 500],
    [1011, 500],
    [1012, 500],
    [1013, 500],
    [4008, 500],
    [4029, 4000],
  ]) {
    await t.test(String(code), async (t) => {
      const { server, is, pass } = await setup(t);
      const arrival = await server.next();
      arrival.open();
      await is("open");
      arrival.end(code, "because");
      assert.deepEqual(await is("waiting"), { name: "waiting", delay: wanted, code, reason: "because" });
      pass(wanted);
      assert.equal((await server.next()).path, "/ws/alice");
    });
  }
});

test("a refused token is replaced, three times in a row", async (t) => {
  let count = 0;
  const { server, states, is, until, pass } = await setup(t, { token: () => `t${++count}` });
  for (let n = 1; n <= 4; n++) {
    const arrival = (await server.next()).accept();
    const seen = states.length;
    arrival.end(4001, "over");
    await until(() => states.length > seen);
    if (n < 4) pass((await is("waiting")).delay);
  }
  assert.deepEqual(states.at(-1), { name: "closed", code: 4001, reason: "over" });
  assert.equal(count, 4);
});

test("a token that was good for a while may be replaced any number of times", async (t) => {
  const { server, is, pass } = await setup(t, { token: () => "t" });
  for (let n = 0; n < 6; n++) {
    const arrival = await server.next();
    arrival.open();
    await is("open");
    pass(10_000);
    arrival.end(4001, "over");
    pass((await is("waiting")).delay);
  }
});

test("a token that is a string is refused for good", async (t) => {
  const { server, is } = await setup(t, { token: "t" });
  const arrival = await server.next();
  arrival.open().end(4001, "over");
  assert.equal((await is("closed")).code, 4001);
});

test("a message that is too big is given up, not the line", async (t) => {
  const { server, line, is, pass } = await setup(t);
  const arrival = await server.next();
  arrival.open();
  await is("open");
  const lost = assert.rejects(line.publish("chat:x", "…"), { code: "too_large" });
  await arrival.next();
  arrival.end(1009, "too big");
  const { delay } = await is("waiting");
  await lost;
  pass(delay);
  await server.next();
});

test("a silent WebSocket is asked, and left if it stays silent", async (t) => {
  const { server, is, states, heard, until, pass } = await setup(t);
  const arrival = await server.next();
  arrival.open({ ping: 30 });
  await is("open");
  pass(30_000);
  assert.deepEqual(await arrival.next(), { type: "ping" });
  arrival.say({ type: "sys:ok" }, message(1));
  await until(() => heard.length === 1);
  pass(60_000);
  assert.equal(states.at(-1)?.name, "open");
  pass(15_000);
  assert.equal((await is("waiting")).reason, "silence");
  pass(500);
  await until(() => states.at(-1)?.name === "connecting");
  await server.next();
});

test("when the network comes back the line does too, at once", async (t) => {
  const { server, is } = await setup(t, {}, { random: 1 });
  const arrival = await server.next();
  arrival.open();
  await is("open");
  arrival.end();
  await is("waiting");
  happens("online");
  (await server.next()).open();
  await is("open");
});

test("a line that may have been lost unnoticed is asked at once", async (t) => {
  const { server, is, heard, until, pass } = await setup(t);
  const arrival = await server.next();
  arrival.open();
  await is("open");
  pass(10_000);
  happens("offline");
  assert.deepEqual(await arrival.next(), { type: "ping" });
  arrival.say({ type: "sys:ok" }, message(1));
  await until(() => heard.length === 1);
  pass(5000);
  happens("online");
  assert.deepEqual(await arrival.next(), { type: "ping" });
  pass(5000);
  assert.equal((await is("waiting")).reason, "silence");
});
