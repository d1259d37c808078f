// A line to the server: one WebSocket after another, as long as the person
// wants to be connected.
//
//	idle ──connect──▶ connecting ──sys:open──▶ open
//	  ▲                 ▲     │                 │
//	  │            timer│     │refused, lost    │lost
//	  │                 │     ▼                 ▼
//	closed ◀──give up── waiting ◀──────────────

import { meaning } from "./codes.js";
import { members } from "./json.js";
import { explain } from "./refusal.js";
import { backoff } from "./retry.js";

/**
 * @typedef {object} Envelope one message as parsed; for data as it was written see Arrival.text
 * @property {string} type
 * @property {string} [id]
 * @property {string} [channel]
 * @property {string} [from]
 * @property {string | number} [ref]
 * @property {any} [data]
 * @property {string} [time]
 */

/**
 * @typedef {object} Arrival
 * @property {string} text                as it came
 * @property {Envelope | null} envelope   null: not an envelope
 * @property {boolean} quiet              the reply to a quiet request
 */

/**
 * @typedef {object} Request
 * @property {string} text              as it was sent
 * @property {Promise<Envelope>} reply  sys:ok or sys:error; rejected when the line is lost first
 */

/**
 * @typedef {{ name: "idle" }
 *   | { name: "connecting", attempt: number }
 *   | { name: "open", session: string, ping: number, channels: string[] }
 *   | { name: "waiting", until: number, words: string }
 *   | { name: "closed", code: number, words: string, token: boolean }} State
 * open: ping is the keep-alive interval in seconds; waiting: until is what now() will be
 */

/**
 * @typedef {object} Surroundings what a line needs from the browser
 * @property {(address: string, protocols: string[]) => WebSocket} dial
 * @property {typeof explain} explain
 * @property {() => number} now milliseconds
 * @property {() => number} random
 * @property {(run: () => void, delay: number) => any} after
 * @property {(timer: any) => void} cancel
 */

/** @type {Surroundings} */
const browser = {
  dial: (address, protocols) => new WebSocket(address, protocols),
  explain,
  now: () => performance.now(),
  random: Math.random,
  after: (run, delay) => setTimeout(run, delay),
  cancel: (timer) => clearTimeout(timer),
};

/** Milliseconds: for the handshake and sys:open; for a keep-alive's answer; until an open line counts as steady. */
const openTimeout = 15_000;
const aliveTimeout = 15_000;
const steady = 5_000;

export class Line {
  /** @type {State} */
  #state = { name: "idle" };
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string | number, { resolve: (e: Envelope) => void, reject: (e: Error) => void, quiet: boolean }>} */
  #pending = new Map();
  /** @type {Set<string>} */
  #channels = new Set();
  /** @type {any} */
  #timer = null;
  /** @type {any} */
  #alive = null;
  /** @type {AbortController | null} */
  #asking = null;
  #attempt = 0;
  #ref = 0;
  #openedAt = 0;
  #heardAt = 0;
  /** @type {number | null} */
  #drainUntil = null;
  #lastError = "";
  #where;
  #onState;
  #onArrival;
  #env;

  /**
   * @param {object} options
   * @param {() => { address: string, token: string }} options.where ws(s) address without a query, asked at every attempt
   * @param {(state: State) => void} options.onState
   * @param {(arrival: Arrival) => void} options.onArrival
   * @param {Partial<Surroundings>} [options.surroundings]
   */
  constructor({ where, onState, onArrival, surroundings }) {
    this.#where = where;
    this.#onState = onState;
    this.#onArrival = onArrival;
    this.#env = { ...browser, ...surroundings };
  }

  get state() {
    return this.#state;
  }

  /** Opens the line, and opens it again whenever it is lost. */
  connect() {
    if (this.#state.name === "connecting" || this.#state.name === "open") return;
    this.#stopTimers();
    this.#attempt = 0;
    this.#lastError = "";
    this.#dial();
  }

  /** Ends the line for good. */
  disconnect() {
    this.#stopTimers();
    this.#channels.clear();
    const wasOpen = this.#state.name === "open";
    this.#drop("The line was closed.")?.close(1000);
    this.#become(
      wasOpen ? { name: "closed", code: 1000, words: "1000, you closed the line", token: false } : { name: "idle" },
    );
  }

  /**
   * Sends a request. The line must be open.
   *
   * @param {string} type
   * @param {Record<string, string>} [fields]
   * @param {string} [data] JSON, sent as it is written
   * @param {boolean} [quiet] marks the reply, for requests that nobody made by hand
   * @returns {Request}
   */
  request(type, fields = {}, data, quiet = false) {
    const socket = this.#socket;
    if (!socket || this.#state.name !== "open") throw new Error("Connect first.");
    const ref = ++this.#ref;
    const head = JSON.stringify({ type, ref, ...fields });
    const text = data === undefined ? head : `${head.slice(0, -1)},"data":${data}}`;
    /** @type {Promise<Envelope>} */
    const reply = new Promise((resolve, reject) => this.#pending.set(ref, { resolve, reject, quiet }));
    socket.send(text);
    return {
      text,
      reply: reply.then((envelope) => {
        if (envelope.type === "sys:ok" && fields.channel !== undefined) this.#note(type, fields.channel);
        return envelope;
      }),
    };
  }

  /**
   * @param {string} type
   * @param {string} channel
   */
  #note(type, channel) {
    if (type === "subscribe") this.#channels.add(channel);
    if (type === "unsubscribe") this.#channels.delete(channel);
    if (this.#state.name === "open") this.#become({ ...this.#state, channels: [...this.#channels] });
  }

  /** @param {State} state */
  #become(state) {
    this.#state = state;
    this.#onState(state);
  }

  #stopTimers() {
    this.#env.cancel(this.#timer);
    this.#env.cancel(this.#alive);
    this.#asking?.abort();
    this.#asking = null;
  }

  /**
   * Forgets the socket, so that nothing it still says is heard.
   *
   * @param {string} why what the requests that wait for a reply are told
   */
  #drop(why) {
    const socket = this.#socket;
    this.#socket = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(new Error(why));
    return socket;
  }

  #dial() {
    this.#stopTimers();
    this.#drainUntil = null;
    this.#become({ name: "connecting", attempt: this.#attempt });
    const { address, token } = this.#where();
    const channels = [...this.#channels].map(encodeURIComponent).join(",");
    /** @type {WebSocket} */
    let socket;
    try {
      socket = this.#env.dial(
        channels ? `${address}?channels=${channels}` : address,
        token ? ["openline.v1", `bearer.${token}`] : [],
      );
    } catch {
      this.#become({
        name: "closed",
        code: 0,
        words: "This token cannot be sent: a token is letters, digits, dots, - and _ only.",
        token: true,
      });
      return;
    }
    this.#socket = socket;
    let accepted = false;
    socket.onopen = () => {
      accepted = true;
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#arrive(event.data);
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#drop("The line was lost before the reply came.");
      if (accepted) this.#lost(event.code, event.reason);
      else this.#refused(address.replace(/^ws/, "http"), token);
    };
    this.#timer = this.#env.after(() => {
      this.#drop("");
      socket.close();
      this.#retry("The server did not answer in time.");
    }, openTimeout);
  }

  /** @param {unknown} data */
  #arrive(data) {
    this.#heardAt = this.#env.now();
    if (typeof data !== "string") {
      this.#onArrival({ text: "a binary message", envelope: null, quiet: false });
      return;
    }
    const envelope = parse(data);
    const ref = envelope?.ref;
    const waiting = ref === undefined ? undefined : this.#pending.get(ref);
    const isReply = envelope?.type === "sys:ok" || envelope?.type === "sys:error";
    this.#onArrival({ text: data, envelope, quiet: isReply && waiting?.quiet === true });
    if (!envelope) return;
    if (isReply && ref !== undefined) {
      this.#pending.delete(ref);
      waiting?.resolve(envelope);
    } else if (envelope.type === "sys:open") {
      this.#opened(envelope.data ?? {});
    } else if (envelope.type === "sys:error") {
      this.#lastError = String(envelope.data?.message ?? "");
    } else if (envelope.type === "sys:drain") {
      const retry = Number(envelope.data?.retry);
      if (retry >= 0) this.#drainUntil = this.#env.now() + Math.min(retry, 600_000);
    }
  }

  /** @param {{ session?: unknown, ping?: unknown }} data */
  #opened({ session, ping }) {
    this.#env.cancel(this.#timer);
    this.#openedAt = this.#env.now();
    this.#lastError = "";
    const seconds = typeof ping === "number" && ping > 0 ? ping : 0;
    this.#become({ name: "open", session: String(session ?? ""), ping: seconds, channels: [...this.#channels] });
    if (seconds > 0) this.#keepAlive(Math.max(seconds, 1) * 1000);
  }

  /**
   * Asks for a sign of life when nothing was heard for an interval: a browser
   * neither shows WebSocket pings to the page nor notices their absence.
   *
   * @param {number} interval milliseconds
   */
  #keepAlive(interval) {
    this.#alive = this.#env.after(() => {
      if (this.#env.now() - this.#heardAt < interval) {
        this.#keepAlive(interval);
        return;
      }
      const asked = this.#env.now();
      this.request("ping", {}, undefined, true).reply.catch(() => {});
      this.#alive = this.#env.after(() => {
        if (this.#heardAt >= asked) {
          this.#keepAlive(interval);
          return;
        }
        this.#drop("The line was lost before the reply came.")?.close();
        this.#lost(1006, "");
      }, aliveTimeout);
    }, interval);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    this.#stopTimers();
    if (this.#openedAt > 0 && this.#env.now() - this.#openedAt >= steady) this.#attempt = 0;
    this.#openedAt = 0;
    const { words, retry } = meaning(code);
    const said = [...new Set([this.#lastError, reason].filter(Boolean))].join(" · ");
    const told = `${code}, ${words}${said ? `: ${said}` : ""}`;
    if (retry) {
      this.#retry(told, this.#drainUntil === null ? undefined : this.#drainUntil - this.#env.now());
    } else {
      this.#channels.clear();
      this.#become({ name: "closed", code, words: told, token: code === 4001 });
    }
  }

  /**
   * @param {string} address http(s)
   * @param {string} token
   */
  async #refused(address, token) {
    this.#stopTimers();
    const asking = new AbortController();
    this.#asking = asking;
    const refusal = await this.#env.explain(address, token, asking.signal);
    if (asking.signal.aborted) return;
    if (refusal.retry) {
      this.#retry(refusal.words, refusal.after);
    } else {
      this.#become({ name: "closed", code: 0, words: refusal.words, token: refusal.token === true });
    }
  }

  /**
   * @param {string} words
   * @param {number} [delay] milliseconds that the server asks for
   */
  #retry(words, delay) {
    this.#stopTimers();
    const wait = Math.max(0, Math.round(delay ?? backoff(this.#attempt, this.#env.random)));
    this.#attempt++;
    this.#become({ name: "waiting", until: this.#env.now() + wait, words });
    this.#timer = this.#env.after(() => this.#dial(), wait);
  }
}

/**
 * @param {string} text
 * @returns {Envelope | null}
 */
function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && typeof value.type === "string" ? value : null;
  } catch {
    return null;
  }
}

/**
 * An envelope's data as the text it was written as.
 *
 * @param {string} text a whole envelope
 * @returns {string} JSON, or nothing
 */
export function rawData(text) {
  return members(text).get("data") ?? "";
}
