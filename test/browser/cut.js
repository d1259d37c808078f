// A way to the server that is cut off at given octets of what comes down it.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { atEnd } from "./end.js";

/** @typedef {import("node:net").Socket} Socket */

/**
 * Numbers from 0 to below 1 that are the same for the same seed.
 *
 * @param {number} seed
 */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let n = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    n = (n + Math.imul(n ^ (n >>> 7), 61 | n)) ^ n;
    return ((n ^ (n >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run, to repeat it with. */
export const seed = Number(process.env.OPENLINE_TEST_SEED || Date.now() % 1e9);

/**
 * A proxy to a port of this machine, until the end of the test. Once it is armed, it counts octets over all of its
 * connections, and ends the one that is at a place to cut just there: every other time by a reset, else by a FIN.
 *
 * @param {import("node:test").TestContext} t
 * @param {number} to
 * @param {number[]} places  ascending
 */
export async function cutter(t, to, places) {
  /** @type {Set<Socket>} */
  const sockets = new Set();
  const left = [...places];
  const state = { connections: 0, cuts: 0 };
  let armed = false;
  let octets = 0;
  const proxy = createServer((down) => {
    if (armed) state.connections++;
    const up = connect(to, "127.0.0.1");
    for (const [from, into] of [
      [down, up],
      [up, down],
    ]) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("end", () => into.end());
      from.on("close", () => {
        sockets.delete(from);
        into.destroy();
      });
    }
    down.pipe(up, { end: false });
    up.on("data", (chunk) => {
      if (!armed) return void down.write(chunk);
      const room = left.length > 0 ? left[0] - octets : Infinity;
      if (chunk.length < room) {
        octets += chunk.length;
        if (down.write(chunk)) return;
        up.pause();
        down.once("drain", () => up.resume());
        return;
      }
      octets = /** @type {number} */ (left.shift());
      up.removeAllListeners("data").pause();
      const reset = state.cuts++ % 2 === 0;
      down.write(chunk.subarray(0, room), () => {
        if (reset) down.resetAndDestroy();
        else down.end(() => down.destroy());
        up.resetAndDestroy();
      });
    });
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  atEnd(t, () => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (proxy.address());
  return {
    url: `http://127.0.0.1:${port}/`,
    state,
    /** From now on it counts, and cuts. */
    arm: () => {
      armed = true;
    },
  };
}

/**
 * So many places below a bound, ascending, each once.
 *
 * @param {() => number} chance
 * @param {number} count
 * @param {number} below
 */
export function places(chance, count, below) {
  /** @type {Set<number>} */
  const found = new Set();
  while (found.size < count) found.add(1 + Math.floor(chance() * below));
  return [...found].sort((a, b) => a - b);
}
