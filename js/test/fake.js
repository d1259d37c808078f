// A server that says only what the test tells it to.

import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

/** @typedef {import("node:test").TestContext} TestContext */

/** Things that come, in order, for whoever waits for them. @template T */
class Queue {
  /** @type {T[]} */
  #items = [];
  /** @type {((item: T) => void)[]} */
  #waiting = [];

  /** @param {T} item */
  push(item) {
    const first = this.#waiting.shift();
    if (first) first(item);
    else this.#items.push(item);
  }

  /** @returns {Promise<T>} */
  next() {
    if (this.#items.length > 0) return Promise.resolve(/** @type {T} */ (this.#items.shift()));
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get length() {
    return this.#items.length;
  }
}

/** A request that has come in. */
class Arrival {
  /** @type {import("ws").WebSocket | undefined} */
  #socket;
  /** @type {Queue<any>} */
  #messages = new Queue();
  #upgrade;
  #response;

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {string} body
   * @param {import("node:http").ServerResponse | undefined} response
   * @param {((use: (socket: import("ws").WebSocket) => void) => void) | undefined} upgrade
   */
  constructor(request, body, response, upgrade) {
    const url = new URL(request.url ?? "", "http://fake");
    this.method = request.method;
    this.path = url.pathname;
    this.query = Object.fromEntries(url.searchParams);
    this.headers = request.headers;
    this.body = body;
    this.raw = request.socket;
    this.#response = response;
    this.#upgrade = upgrade;
    /** Settled when the client has gone. */
    this.gone = new Promise((resolve) => (response ?? request.socket).once("close", resolve));
  }

  /** What was sent by POST. @returns {any[]} */
  get requests() {
    return this.body.split("\n").map((line) => JSON.parse(line));
  }

  /** Takes the WebSocket. */
  accept() {
    this.#upgrade?.((socket) => {
      this.#socket = socket;
      socket.on("message", (data) => this.#messages.push(JSON.parse(String(data))));
      socket.on("close", (code) => this.#messages.push({ closed: code }));
    });
    return this;
  }

  /** The next message over the WebSocket. */
  next() {
    return this.#messages.next();
  }

  /** @param {...object} envelopes */
  say(...envelopes) {
    for (const envelope of envelopes) this.#socket?.send(JSON.stringify(envelope));
    return this;
  }

  /** @param {object} [data] of sys:open */
  open(data) {
    return this.accept().say(opening(data));
  }

  /**
   * Ends the WebSocket; without a code it breaks off.
   *
   * @param {number} [code]
   * @param {string} [reason]
   */
  end(code, reason) {
    if (code) this.#socket?.close(code, reason);
    else this.raw.destroy();
  }

  /**
   * Answers by HTTP.
   *
   * @param {number} status
   * @param {Record<string, string>} [headers]
   * @param {unknown} [body] as JSON
   */
  answer(status, headers = {}, body) {
    const text = body === undefined ? "" : JSON.stringify(body);
    if (this.#response) {
      this.#response.writeHead(status, headers).end(text);
    } else {
      this.raw.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    }
  }

  /**
   * Begins or goes on with a body of unknown length.
   *
   * @param {string | Uint8Array} text
   */
  write(text) {
    if (!this.#response?.headersSent) this.#response?.writeHead(200);
    this.#response?.write(text);
    return this;
  }

  /** @param {object} envelope as a server-sent event */
  event(envelope) {
    return this.write(`data: ${JSON.stringify(envelope)}\n\n`);
  }

  finish() {
    this.#response?.end();
  }
}

/** @param {object} [data] */
export const opening = (data) => ({
  type: "sys:open",
  data: { session: "s1", user: "alice", transport: "websocket", cursor: "e-0", resumed: false, ping: 30, ...data },
});

/** @param {number} n @param {object} [more] */
export const message = (n, more) => ({ id: `e-${n}`, type: "message", channel: "chat:x", data: n, ...more });

/**
 * Starts it on a loopback port, until the end of the test.
 *
 * @param {TestContext} t
 */
export async function fake(t) {
  /** @type {Queue<Arrival>} */
  const arrivals = new Queue();
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (protocols) => [...protocols][0] ?? false });
  const server = createServer(async (request, response) => {
    let body = "";
    try {
      for await (const chunk of request) body += chunk;
    } catch {
      return; // it was broken off
    }
    arrivals.push(new Arrival(request, body, response, undefined));
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    arrivals.push(new Arrival(request, "", undefined, (use) => sockets.handleUpgrade(request, socket, head, use)));
  });
  /** @type {Set<import("node:net").Socket>} */
  const connections = new Set();
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  const stop = () => {
    for (const socket of connections) socket.destroy();
    server.close();
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  t.after(stop);
  return {
    url: `http://127.0.0.1:${port}`,
    /** How many have come that nobody looked at. */
    get waiting() {
      return arrivals.length;
    },
    next: () => arrivals.next(),
    /** Breaks off all connections, and refuses others from now on. */
    stop,
  };
}
