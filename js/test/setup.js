// A line under test: its clock and its chance are the test's, its network is real.

import { WebSocket as NodeWebSocket } from "ws";
import { Openline } from "../openline.js";
import { clock } from "./clock.js";
import { fake } from "./fake.js";

/** @typedef {import("../openline.js").State} State */

/** @type {Set<NodeWebSocket>} */
const sockets = new Set();

/** A browser's WebSocket minds no error that nobody listens for. */
class WebSocket extends NodeWebSocket {
  /** @param {URL} url @param {string[]} protocols */
  constructor(url, protocols) {
    super(url, protocols);
    this.on("error", () => {});
    sockets.add(this);
  }
}

/** The page's events, and what it keeps. */
export const page = new EventTarget();
Object.assign(globalThis, {
  WebSocket,
  addEventListener: page.addEventListener.bind(page),
  localStorage: {},
});

/** @param {string} type */
export const happens = (type) => page.dispatchEvent(new Event(type));

/**
 * A fake server and a line to it.
 *
 * @param {import("node:test").TestContext} t
 * @param {Partial<import("../openline.js").Options>} [options]
 * @param {{ random?: number }} [settings]
 */
export async function setup(t, options, { random = 0.5 } = {}) {
  const { pass, armed } = clock(t);
  t.mock.method(Math, "random", () => random);
  for (const name of Object.keys(localStorage)) delete localStorage[name];
  const server = await fake(t);
  const line = new Openline(server.url, { user: "alice", ...options });
  t.after(() => {
    line.close();
    for (const socket of sockets) socket.terminate();
    sockets.clear();
  });
  return { server, line, ...watch(line), pass, armed };
}

/** @param {Openline} line */
export function watch(line) {
  /** @type {State[]} */
  const states = [];
  /** @type {import("../openline.js").Envelope[]} */
  const heard = [];
  /** @type {(() => void)[]} */
  let looking = [];
  const look = () => {
    const all = looking;
    looking = [];
    for (const each of all) each();
  };
  line.on("state", (state) => {
    states.push(state);
    look();
  });
  line.on("*", (envelope) => {
    heard.push(envelope);
    look();
  });
  /**
   * Waits until something holds that a state or a message brings about.
   *
   * @param {() => boolean} holds
   */
  const until = async (holds) => {
    while (!holds()) await new Promise((resolve) => looking.push(() => resolve(undefined)));
  };
  /**
   * Waits for a state.
   *
   * @template {State["name"]} N
   * @param {N} name
   * @returns {Promise<Extract<State, { name: N }>>}
   */
  const is = async (name) => {
    await until(() => line.state.name === name);
    return /** @type {any} */ (line.state);
  };
  return { states, heard, until, is, ids: () => heard.map(({ id }) => id) };
}

/** Lets what has been settled run on, the network's callbacks too. */
export const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
