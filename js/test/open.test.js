// How a line opens, what it hands on, and where it stands.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Openline } from "../openline.js";
import { message, opening } from "./fake.js";
import { settle, setup } from "./setup.js";

test("a line opens by WebSocket, and is open at sys:open", async (t) => {
  const { server, line, states, is } = await setup(t, { channels: ["chat:x", "news"], since: "e-41" });
  const arrival = await server.next();
  assert.equal(arrival.path, "/ws/alice");
  assert.deepEqual(arrival.query, { channels: "chat:x,news", since: "e-41" });
  assert.equal(arrival.headers["sec-websocket-protocol"], undefined);
  assert.equal(line.state.name, "connecting");
  assert.equal(line.transport, undefined);
  arrival.open({ resumed: true, cursor: "e-41" });
  await is("open");
  assert.deepEqual(states, [
    { name: "connecting", transport: "websocket" },
    { name: "open", transport: "websocket", resumed: true, session: "s1", user: "alice" },
  ]);
  assert.equal(line.transport, "websocket");
});

test("a token travels as a subprotocol, and is asked for each time", async (t) => {
  let count = 0;
  const { server, is, pass } = await setup(t, { token: async () => `t.${++count}` });
  const first = await server.next();
  assert.equal(first.headers["sec-websocket-protocol"], "openline.v1,bearer.t.1");
  first.open();
  await is("open");
  first.end();
  await is("waiting");
  pass(30_000);
  assert.equal((await server.next()).headers["sec-websocket-protocol"], "openline.v1,bearer.t.2");
});

test("a token that cannot be had is asked for again later, without another transport", async (t) => {
  let fails = true;
  const { server, states, is, pass } = await setup(t, {
    token: () => {
      if (fails) throw new Error("the shop is closed");
      return "t";
    },
  });
  const { reason } = await is("waiting");
  assert.match(reason, /the shop is closed/);
  fails = false;
  pass(30_000);
  assert.equal((await server.next()).path, "/ws/alice");
  assert.deepEqual(
    states.map(({ name }) => name),
    ["connecting", "waiting", "connecting"],
  );
});

test("messages go to those who asked for their type", async (t) => {
  const { server, line, heard, until } = await setup(t);
  /** @type {string[]} */
  const calls = [];
  /** @param {string} name */
  const note = (name) => line.on(name, ({ type }) => void calls.push(`${name}<${type}`));
  for (const name of ["message", "said", "gap", "presence", "join"]) note(name);
  note("message")();
  const arrival = await server.next();
  arrival.open().say(
    message(1),
    message(2, { type: "said" }),
    { type: "sys:gap", data: { reason: "evicted", after: "e-2", before: "e-5" } },
    { type: "sys:join", channel: "chat:x", data: { user: "bob", session: "s2" } },
    { type: "sys:leave", channel: "chat:x", data: { user: "bob", session: "s2" } },
    message(3, { type: "join" }),
    message(4, { type: "gap" }),
    message(5, { type: "state" }),
    message(6, { type: "*" }),
  );
  await until(() => heard.length === 9);
  assert.deepEqual(calls, ["message<message", "said<said", "gap<sys:gap", "presence<sys:join", "presence<sys:leave", "join<join"]);
  assert.equal(heard.at(-1)?.type, "*");
  assert.deepEqual(heard[0], message(1));
});

test("the cursor is that of the last envelope that had one", async (t) => {
  const { server, line, heard, is, until } = await setup(t);
  const arrival = await server.next();
  arrival.open({ cursor: "e-7" });
  await is("open");
  assert.equal(line.cursor, "e-7");
  /** @type {[object, string][]} */
  const steps = [
    [message(9), "e-9"],
    [message(3, { cursor: "e-12" }), "e-12"],
    [{ type: "sys:join", channel: "chat:x", data: { user: "bob" } }, "e-12"],
    [{ type: "sys:gap", data: { reason: "restarted", cursor: "f-2" } }, "f-2"],
    [{ type: "sys:gap", channel: "chat:x", data: { reason: "evicted" } }, "f-2"],
    [message(11, { id: "f-1" }), "f-1"],
  ];
  for (const [n, [envelope, cursor]] of steps.entries()) {
    arrival.say(envelope);
    await until(() => heard.length > n);
    assert.equal(line.cursor, cursor);
  }
  const subscribed = line.subscribe("news", { since: "e-4" });
  const { ref } = await arrival.next();
  arrival.say({ type: "sys:ok", ref, data: { cursor: "e-4" } });
  assert.deepEqual(await subscribed, { cursor: "e-4" });
  assert.equal(line.cursor, "e-4");
  const history = line.history("news", { limit: 1 });
  const asked = await arrival.next();
  arrival.say({ type: "sys:ok", ref: asked.ref, data: { cursor: "e-99", messages: [] } });
  await history;
  assert.equal(line.cursor, "e-4");
});

test("a line that comes back resumes, with the channels that it has by then, and hears nothing twice", async (t) => {
  const { server, line, ids, heard, is, until, pass } = await setup(t, { channels: ["a", "b"] });
  const first = await server.next();
  first.open();
  await is("open");
  for (const done of [line.subscribe("c"), line.unsubscribe("a")]) {
    const { ref } = await first.next();
    first.say({ type: "sys:ok", ref, data: {} });
    await done;
  }
  first.say(message(1), message(2));
  await until(() => heard.length === 2);
  first.end();
  const { delay, code } = await is("waiting");
  assert.equal(code, 1006);
  pass(delay);
  const second = await server.next();
  assert.deepEqual(second.query, { channels: "b,c", since: "e-2" });
  second.open({ resumed: true, cursor: "e-1" }).say(message(2), message(3), message(3), message(4));
  await until(() => heard.length === 4);
  assert.deepEqual(ids(), ["e-1", "e-2", "e-3", "e-4"]);
});

test("what comes again after a new subscription is heard again", async (t) => {
  const { server, line, ids, heard, is, until } = await setup(t, { channels: ["chat:x"] });
  const arrival = await server.next();
  arrival.open().say(message(1));
  await is("open");
  await until(() => heard.length === 1);
  for (const done of [line.unsubscribe("chat:x"), line.subscribe("chat:x")]) {
    const { ref } = await arrival.next();
    arrival.say({ type: "sys:ok", ref, data: {} });
    await done;
  }
  arrival.say(message(1, { cursor: "e-9" }));
  await until(() => heard.length === 2);
  assert.deepEqual(ids(), ["e-1", "e-1"]);
});

test("what is no envelope is passed over", async (t) => {
  const { server, heard, until } = await setup(t);
  const arrival = (await server.next()).accept();
  arrival.say([], /** @type {any} */ (null), /** @type {any} */ (7), opening(), message(1));
  await until(() => heard.length === 1);
});

test("a handler that throws stops nothing", async (t) => {
  const { server, line, heard, until } = await setup(t);
  /** @type {unknown[]} */
  const thrown = [];
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", (error) => thrown.push(error));
  t.after(() => {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
  });
  line.on("message", () => {
    throw new Error("mine");
  });
  (await server.next()).open().say(message(1), message(2));
  await until(() => heard.length === 2);
  await settle();
  assert.deepEqual(
    thrown.map((error) => /** @type {Error} */ (error).message),
    ["mine", "mine"],
  );
});

test("close ends the line for good", async (t) => {
  const { server, line, heard, states, is } = await setup(t);
  const arrival = await server.next();
  arrival.open();
  await is("open");
  const lost = assert.rejects(line.presence("chat:x"), { code: "closed" });
  await arrival.next();
  line.close();
  await lost;
  assert.deepEqual(line.state, { name: "closed", code: 1000, reason: "" });
  arrival.say(message(1));
  assert.deepEqual(await arrival.next(), { closed: 1000 });
  await settle();
  assert.deepEqual(heard, []);
  await assert.rejects(line.publish("chat:x", 1), { code: "closed" });
  line.close();
  assert.equal(states.filter(({ name }) => name === "closed").length, 1);
});

test("a line closed before it began never begins", async (t) => {
  const { server, line } = await setup(t);
  const other = new Openline(server.url, { user: "bob" });
  other.close();
  await server.next();
  assert.equal(other.state.name, "closed");
  await settle();
  assert.equal(server.waiting, 0);
  line.close();
});

test("the address may be a WebSocket's, and have a path", async (t) => {
  const { server } = await setup(t);
  await server.next();
  const line = new Openline(`${server.url.replace("http", "ws")}/rt`, { user: "a:b@c" });
  t.after(() => line.close());
  assert.equal((await server.next()).path, "/rt/ws/a%3Ab%40c");
  assert.throws(() => new Openline(server.url, /** @type {any} */ ({})), /user is needed/);
});
