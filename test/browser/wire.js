// A TCP connection's way to the server, which the test can break in the ways that networks do.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { atEnd } from "./end.js";

/**
 * A proxy to a port of this machine, until the end of the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {number} to
 */
export async function wire(t, to) {
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  let up = true;
  const proxy = createServer((down) => {
    if (!up) return void down.destroy();
    const server = connect(to, "127.0.0.1");
    for (const [from, into] of [
      [down, server],
      [server, down],
    ]) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        into.destroy();
      });
      from.pipe(into);
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  atEnd(t, () => {
    cut();
    proxy.close();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (proxy.address());
  return {
    url: `http://127.0.0.1:${port}/`,
    /** Resets every connection. */
    cut,
    /** Takes connections, or resets them at once. @param {boolean} now */
    up: (now) => {
      up = now;
      if (!up) cut();
    },
    /** What is connected now is never heard of again, without a FIN. */
    silence: () => {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
        socket.removeAllListeners("close");
      }
    },
  };
}
