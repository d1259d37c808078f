// The line's promises, with a socket and a clock that the test moves by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Line } from "../../console/static/line.js";
import { backoff, longest } from "../../console/static/retry.js";

class Socket {
  /** @type {string[]} */
  sent = [];
  /** @type {number | undefined} */
  closed;
  onopen = () => {};
  /** @type {(event: any) => void} */
  onmessage = () => {};
  /** @type {(event: any) => void} */
  onclose = () => {};

  /** @param {string} address @param {string[]} protocols */
  constructor(address, protocols) {
    this.address = address;
    this.protocols = protocols;
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(text);
  }

  close(code = 1005) {
    this.closed = code;
  }

  /** @param {object} envelope */
  says(envelope) {
    this.onmessage({ data: JSON.stringify(envelope) });
  }

  opens(ping = 0) {
    this.onopen();
    this.says({ type: "sys:open", data: { session: "s1", user: "alice", ping } });
  }

  /** @param {number} code */
  ends(code, reason = "") {
    this.onclose({ code, reason });
  }
}

/**
 * @param {object} [options]
 * @param {string} [options.token]
 * @param {import("../../console/static/refusal.js").Refusal} [options.refusal]
 */
function setup({ token = "", refusal = { words: "down", retry: true } } = {}) {
  let now = 0;
  /** @type {{ at: number, run: () => void }[]} */
  let timers = [];
  /** @type {Socket[]} */
  const sockets = [];
  /** @type {import("../../console/static/line.js").State[]} */
  const states = [];
  /** @type {import("../../console/static/line.js").Arrival[]} */
  const arrivals = [];
  const line = new Line({
    where: () => ({ address: "ws://host/ws/alice", token }),
    onState: (state) => states.push(state),
    onArrival: (arrival) => arrivals.push(arrival),
    surroundings: {
      dial: (address, protocols) => {
        const socket = new Socket(address, protocols);
        sockets.push(socket);
        return /** @type {any} */ (socket);
      },
      explain: async () => refusal,
      now: () => now,
      random: () => 0.5,
      after: (run, delay) => {
        const timer = { at: now + delay, run };
        timers.push(timer);
        return timer;
      },
      cancel: (timer) => {
        timers = timers.filter((other) => other !== timer);
      },
    },
  });
  return {
    line,
    states,
    arrivals,
    sockets,
    /** @returns {Socket} */
    get socket() {
      return /** @type {Socket} */ (sockets.at(-1));
    },
    /** @param {number} milliseconds */
    pass(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const next = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        timers = timers.filter((timer) => timer !== next);
        now = next.at;
        next.run();
      }
      now = end;
    },
    timers: () => timers.length,
  };
}

/** Lets promises that are settled run on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("the line is open at sys:open, not before", () => {
  const s = setup();
  s.line.connect();
  assert.deepEqual(s.socket.protocols, []);
  s.socket.onopen();
  assert.equal(s.line.state.name, "connecting");
  s.socket.says({ type: "sys:open", data: { session: "s1", ping: 30 } });
  assert.deepEqual(s.line.state, { name: "open", session: "s1", ping: 30, channels: [] });
});

test("a token travels as a subprotocol", () => {
  const s = setup({ token: "a.b.c" });
  s.line.connect();
  assert.deepEqual(s.socket.protocols, ["openline.v1", "bearer.a.b.c"]);
});

test("data is sent as it was written", async () => {
  const s = setup();
  s.line.connect();
  s.socket.opens();
  const { text, reply } = s.line.request("send", { to: "bob" }, '{"n":12345678901234567890}');
  assert.equal(text, '{"type":"send","ref":1,"to":"bob","data":{"n":12345678901234567890}}');
  assert.deepEqual(s.socket.sent, [text]);
  s.socket.says({ type: "sys:ok", ref: 1, data: { delivered: 1 } });
  assert.equal((await reply).data.delivered, 1);
});

test("a request whose line is lost is told so", async () => {
  const s = setup();
  s.line.connect();
  s.socket.opens();
  const { reply } = s.line.request("ping");
  s.socket.ends(1006);
  await assert.rejects(reply, /lost before the reply/);
  assert.throws(() => s.line.request("ping"), /Connect first/);
});

test("channels are subscribed again when the line comes back", async () => {
  const s = setup();
  s.line.connect();
  s.socket.opens();
  const { reply } = s.line.request("subscribe", { channel: "chat:lobby" });
  s.socket.says({ type: "sys:ok", ref: 1, data: {} });
  await reply;
  s.socket.ends(1006);
  s.pass(longest);
  assert.equal(s.socket.address, "ws://host/ws/alice?channels=chat%3Alobby");
});

test("a lost line waits longer each time, and starts anew once it was steady", async () => {
  const s = setup();
  s.line.connect();
  s.socket.opens();
  s.socket.ends(1006);
  assert.deepEqual(s.line.state, { name: "waiting", until: 250, words: "1006, the connection was lost" });
  s.pass(250);
  s.socket.ends(1006); // refused: it never opened
  await settle();
  assert.deepEqual(s.line.state, { name: "waiting", until: 250 + 500, words: "down" });
  s.pass(500);
  s.socket.opens();
  s.pass(60_000);
  s.socket.ends(1006);
  assert.deepEqual(s.line.state, { name: "waiting", until: 750 + 60_000 + 250, words: "1006, the connection was lost" });
});

test("a drained line comes back when the server asked for", () => {
  const s = setup();
  s.line.connect();
  s.socket.opens();
  s.socket.says({ type: "sys:drain", data: { retry: 4000 } });
  s.pass(1000);
  s.socket.ends(1001, "drain");
  assert.deepEqual(s.line.state, { name: "waiting", until: 4000, words: "1001, the server is going away: drain" });
  s.pass(2999);
  assert.equal(s.sockets.length, 1);
  s.pass(1);
  assert.equal(s.sockets.length, 2);
});

test("a final close is final, and keeps the server's sentence", () => {
  for (const code of [1000, 1008, 4001, 4003, 4009, 4777]) {
    const s = setup();
    s.line.connect();
    s.socket.opens();
    s.socket.says({ type: "sys:error", data: { code: "expired", message: "Get a new token." } });
    s.socket.ends(code);
    assert.ok(s.line.state.name === "closed" && s.line.state.code === code, String(code));
    assert.match(s.line.state.words, /Get a new token/);
    assert.equal(s.timers(), 0);
  }
});

test("a refusal that will not change is final", async () => {
  const s = setup({ refusal: { words: "A token is needed.", retry: false, token: true } });
  s.line.connect();
  s.socket.ends(1006);
  await settle();
  assert.deepEqual(s.line.state, { name: "closed", code: 0, words: "A token is needed.", token: true });
});

test("nothing a person left behind is heard", async () => {
  const s = setup();
  s.line.connect();
  const first = s.socket;
  s.line.disconnect();
  assert.equal(first.closed, 1000);
  assert.equal(s.line.state.name, "idle");
  first.opens();
  first.ends(1006);
  await settle();
  assert.equal(s.line.state.name, "idle");
  assert.equal(s.timers(), 0);
});

test("a handshake without an answer is given up", () => {
  const s = setup();
  s.line.connect();
  s.pass(15_000);
  assert.equal(s.socket.closed, 1005);
  assert.equal(s.line.state.name, "waiting");
});

test("a silent line is asked, and left if it stays silent", async () => {
  const s = setup();
  s.line.connect();
  s.socket.opens(30);
  s.pass(30_000);
  assert.deepEqual(s.socket.sent, ['{"type":"ping","ref":1}']);
  s.socket.says({ type: "sys:ok", ref: 1 });
  assert.equal(s.arrivals.at(-1)?.quiet, true);
  s.pass(45_000);
  assert.equal(s.socket.sent.length, 2);
  s.pass(15_000);
  assert.equal(s.socket.closed, 1005);
  assert.equal(s.line.state.name, "waiting");
  s.pass(250);
  assert.equal(s.sockets.length, 2);
  await settle();
});

test("what is no envelope is handed on as such", () => {
  const s = setup();
  s.line.connect();
  s.socket.opens();
  for (const data of ["{", "null", "7", '{"type":7}', new ArrayBuffer(3)]) {
    s.socket.onmessage({ data });
    assert.equal(s.arrivals.at(-1)?.envelope, null);
  }
  s.socket.says({ type: "sys:ok", ref: 99 });
  assert.equal(s.line.state.name, "open");
});

test("backoff is full jitter within bounds", () => {
  for (let attempt = 0; attempt < 2000; attempt++) {
    const wait = backoff(attempt);
    assert.ok(wait >= 0 && wait <= longest);
  }
  assert.equal(backoff(0, () => 0), 0);
  assert.equal(backoff(3, () => 0.5), 2000);
  assert.equal(backoff(1000, () => 1), longest);
});
