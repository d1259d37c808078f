// Openline in the browser: one line to the server, whatever the network lets through.
//
//	import { Openline } from "https://line.example.com/openline.js"
//	const line = new Openline("https://line.example.com", { user: "alice", channels: ["chat:lobby"] })
//	line.on("message", ({ channel, from, data }) => …)
//	await line.publish("chat:lobby", { text: "hi" })
//
//	connecting ──sys:open──▶ open ──lost──▶ waiting ──▶ connecting …
//	     │                                     ▲             │
//	     ├── refused for now ──────────────────┘             └─ a refusal that will not change, close() ──▶ closed
//	     └── cannot get through ──▶ connecting, with the next transport
//
// The server takes comments and spaces out of what it serves. It hardly knows the language, so here a comment has its lines for itself,
// a type assertion is the only one within a line, and no string holds what looks like either.

/**
 * A message, as the server sends it.
 *
 * @typedef {object} Envelope
 * @property {string} type        the application's own name, "message" if the publisher gave none; those that begin with sys: are Openline's
 * @property {string} [id]        unique, and the same in a repetition
 * @property {string} [channel]   where it was published
 * @property {string} [from]      the user who published it; absent: the backend
 * @property {any} [data]
 * @property {string} [key]       the publisher's key, where the channel keeps the latest message of each
 * @property {string} [time]      when the server took it, RFC 3339
 * @property {string} [encoding]  "base64": data stands for the bytes of a binary message
 * @property {string} [cursor]    the place after it, if that is not its id
 * @property {boolean} [ack]      somebody waits until it has been taken in; the line says so when the handlers are done
 * @property {string | number} [ref]
 */

/**
 * Where the line stands.
 *
 * @typedef {{ name: "connecting", transport: Transport }
 *   | { name: "open", transport: Transport, resumed: boolean, session: string, user: string }
 *   | { name: "waiting", delay: number, code: number, reason: string }
 *   | { name: "closed", code: number, reason: string }} State
 * open: resumed says whether it went on where it was before; waiting: delay is in milliseconds until the next attempt; code: a WebSocket close
 * code, an HTTP status, or 0 if nothing answered
 */

/** @typedef {"websocket" | "sse" | "stream" | "poll"} Transport */

/** @typedef {Error & { code: string }} OpenlineError what a request is refused with: code is the server's word, or timeout, limit, closed */

/**
 * @typedef {object} Options
 * @property {string} user                    who is at this end
 * @property {string | (() => string | Promise<string>)} [token] proves it; a function is called for every connection
 * @property {string[]} [channels]            subscribed to from the start
 * @property {Transport[]} [transports]       which to try, in this order; by default all: websocket, sse, stream, poll
 * @property {string} [since]                 the cursor to resume from: line.cursor of an earlier line
 * @property {number} [openTimeout]           milliseconds until a transport is given up that does not open; 5,000
 * @property {number} [requestTimeout]        milliseconds until a request without a reply is given up; 30,000
 * @property {number} [buffer]                messages that wait for a loop over the line; 1,000
 */

/**
 * @typedef {object} Pending
 * @property {string} type
 * @property {any} fields
 * @property {string} text
 * @property {any} timer
 * @property {boolean} [sent]  over the present connection
 * @property {(data: any) => void} resolve
 * @property {(error: OpenlineError) => void} reject
 */

/** @typedef {{ code?: number, reason?: string, down?: boolean }} Ending of a connection; down: nothing answered at all */

// Milliseconds: the longest wait; what a sign of life may be late.
const longest = 30_000;
const margin = 5_000;
const minute = 60_000;
const hour = 60 * minute;

/** How many messages are known again, how many requests may wait, and how often in a row a token may be refused. */
const most = 1000;
const refusals = 3;

/**
 * The close codes of those transports that have none, by the word in the last sys:error.
 *
 * @type {Record<string, number>}
 */
const codes = {
  unauthorised: 4001,
  forbidden: 4003,
  bad_request: 4003,
  bad_name: 4003,
  reserved: 4003,
  slow_consumer: 4008,
  closed: 4009,
  rate_limit: 4029,
};

/** Names of handlers that are not the application's. */
const names = /^(gap|presence|state|error|\*)$/;

/**
 * @param {string} code
 * @param {string} message
 * @returns {OpenlineError}
 */
const failure = (code, message) => Object.assign(new Error(message), { code });

/**
 * @param {any} text
 * @returns {any} nothing if it is not JSON
 */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * @param {Response | undefined} response
 * @returns {number} milliseconds
 */
const retryAfter = (response) => (Number(response?.headers.get("Retry-After")) || 0) * 1000;

/**
 * The lines of a body. One that does not end is none.
 *
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} heard called for whatever comes
 */
async function* lines(body, heard) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    rest += decoder.decode(value, { stream: true });
    // A CR at the end may be the first half of a CRLF.
    const all = rest.split(/\r\n|\n|\r(?!$)/);
    rest = /** @type {string} */ (all.pop());
    if (rest.length > 2 ** 24) throw failure("too_large", "openline: a line without an end");
    yield* all;
  }
}

export class Openline {
  #base;
  #user;
  #token;
  #credential = "";
  #names;
  #channels;
  #openTimeout;
  #requestTimeout;
  #buffer;

  /** @type {State} */
  #state;
  #cursor;
  #session = "";
  /** @type {Map<string, Set<(event: any) => any>>} */
  #handlers = new Map();
  /** @type {Map<number, Pending>} */
  #pending = new Map();
  /** @type {Set<string>} */
  #seen = new Set();
  #ref = 0;
  // Before every key, so that keys of two lines differ.
  #tag = Math.random().toString(36).slice(2) + Date.now().toString(36);

  // Of the present connection: aborted when it is over.
  #link = new AbortController();
  /** @type {((text: string) => void) | undefined} */
  #write;
  #posting = false;
  #opened = 0;
  #heard = 0;
  #ping = longest;
  /** @type {any} */
  #error;
  /** @type {any} */
  #timer;
  /** @type {any} */
  #watch;

  // When the server wants us back, at the earliest; how often in a row we failed, and our token was refused.
  #after = 0;
  #attempt = 0;
  #denied = 0;

  // Which transport is tried; which one got through, and until when it goes before the better ones; the best that ever did.
  #index = 0;
  #kept = 0;
  #until = 0;
  #span = 0;
  #best = Infinity;

  // Aborted by the end.
  #life = new AbortController();

  /**
   * A line to the server, which begins to connect at once.
   *
   * @param {string | URL | null | undefined} url the server's address; by default where the page comes from
   * @param {Options} options
   */
  constructor(url, options) {
    if (!options?.user) throw new TypeError("openline: options.user is needed: who is at this end");
    this.#base = new URL(url ? String(url).replace(/^ws/i, "http").replace(/\/?$/, "/") : ".", globalThis.location?.href);
    this.#user = options.user;
    this.#token = options.token;
    this.#channels = new Set(options.channels);
    this.#names = options.transports ?? /** @type {Transport[]} */ (["websocket", "sse", "stream", "poll"]);
    this.#state = { name: "connecting", transport: this.#names[0] };
    this.#cursor = options.since ?? "";
    this.#openTimeout = options.openTimeout ?? 5_000;
    this.#requestTimeout = options.requestTimeout ?? 30_000;
    this.#buffer = options.buffer ?? most;
    try {
      const [name, until] = localStorage[this.#place].split(" ");
      const index = this.#names.indexOf(name);
      if (index > 0 && until > Date.now()) {
        this.#index = this.#kept = index;
        this.#until = Number(until);
      }
    } catch {
      // Nothing is kept there, or this page may not look.
    }
    const { signal } = this.#life;
    for (const type of ["online", "offline"]) globalThis.addEventListener?.(type, () => this.#wake(), { signal });
    globalThis.document?.addEventListener("visibilitychange", () => document.hidden || this.#wake(), { signal });
    // Not now: whoever made the line has handlers to add first.
    queueMicrotask(() => signal.aborted || this.#dial());
  }

  /** Where it stands. */
  get state() {
    return this.#state;
  }

  /** The transport, while it is open. */
  get transport() {
    return this.#state.name === "open" ? this.#state.transport : undefined;
  }

  /** The place up to which everything has arrived: what another line can resume from. Empty before the first. */
  get cursor() {
    return this.#cursor;
  }

  /**
   * Calls a function for each message of a type. There are names of the line's own, whose messages reach only *:
   * "*" for everything, in order; "gap" for sys:gap; "presence" for sys:join and sys:leave; "state" for a change of state; "error" for a
   * sys:error that answers no request.
   *
   * @template {string} T
   * @param {T} type
   * @param {(event: T extends "state" ? State : T extends "error" ? { code: string, message: string } : Envelope) => any} handler
   * @returns {() => void} ends it
   */
  on(type, handler) {
    const set = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, set.add(handler));
    return () => void set.delete(handler);
  }

  /**
   * What "*" gets, in a loop. It ends when the line is closed by close(), and throws if it is closed otherwise. When more than options.buffer
   * wait, the oldest are left out and a sys:gap with the reason overflow stands in their place.
   *
   * @returns {AsyncGenerator<Envelope, void, void>}
   */
  async *[Symbol.asyncIterator]() {
    /** @type {{ envelope: Envelope, done: () => void }[]} */
    const queue = [];
    /** @type {Envelope | undefined} */
    let gap;
    let last = "";
    let wake = () => {};
    const off = this.on("*", (envelope) => {
      if (queue.length >= this.#buffer) {
        queue.shift();
        gap ??= { type: "sys:gap", data: { after: last, reason: "overflow" } };
      }
      // Kept open until the loop asks for the next one: then this one has been taken in.
      return new Promise((resolve) => {
        queue.push({ envelope, done: () => resolve(0) });
        wake();
      });
    });
    const offState = this.on("state", () => wake());
    try {
      for (;;) {
        const next = queue.shift();
        if (gap) {
          const { data } = gap;
          gap = undefined;
          yield { type: "sys:gap", data: { ...data, before: next?.envelope.id } };
        }
        if (next) {
          last = next.envelope.id ?? last;
          yield next.envelope;
          next.done();
        } else if (this.#state.name === "closed") {
          if (this.#state.code === 1000) return;
          throw failure("closed", this.#state.reason);
        } else {
          await new Promise((resolve) => (wake = () => resolve(0)));
        }
      }
    } finally {
      off();
      offState();
    }
  }

  /**
   * Subscribes to a channel. It stays subscribed when the line comes back.
   *
   * @param {string} channel
   * @param {{ since?: string }} [options] since: a cursor; what the channel had after it comes first
   * @returns {Promise<{ cursor: string }>}
   */
  subscribe(channel, { since } = {}) {
    return this.#request("subscribe", { channel, since });
  }

  /**
   * @param {string} channel
   * @returns {Promise<any>}
   */
  unsubscribe(channel) {
    return this.#request("unsubscribe", { channel });
  }

  /**
   * Publishes to a channel, once, even if the line is lost before the reply.
   *
   * @param {string} channel
   * @param {any} data JSON
   * @param {{ event?: string, key?: string }} [options] event: the message's type; key: a second one with it is not published again, or, where the channel keeps the latest of each key, replaces this
   * @returns {Promise<{ id: string, delivered: number, stored: boolean }>}
   */
  publish(channel, data, options) {
    return this.#publish("publish", { channel, data }, options);
  }

  /**
   * Sends to a user, as publish does.
   *
   * @param {string} user
   * @param {any} data JSON
   * @param {{ event?: string, key?: string }} [options]
   * @returns {Promise<{ id: string, delivered: number, stored: boolean }>}
   */
  send(user, data, options) {
    return this.#publish("send", { to: user, data }, options);
  }

  /**
   * Who is in a channel.
   *
   * @param {string} channel
   * @returns {Promise<{ members: { user: string, sessions: string[], since: string }[] }>}
   */
  presence(channel) {
    return this.#request("presence", { channel });
  }

  /**
   * What a channel has had, the oldest first.
   *
   * @param {string} channel
   * @param {{ since?: string, limit?: number }} [options]
   * @returns {Promise<{ cursor: string, messages: Envelope[], gap?: any }>}
   */
  history(channel, { since, limit } = {}) {
    return this.#request("history", { channel, since, limit });
  }

  /** Ends the line for good. */
  close() {
    this.#close(1000, "");
  }

  get #place() {
    return `openline ${this.#base}`;
  }

  /**
   * @param {string} type
   * @param {any} fields
   * @param {{ event?: string, key?: string }} [options]
   */
  #publish(type, fields, { event, key } = {}) {
    return this.#request(type, { ...fields, event, key, once: key ? undefined : `${this.#tag}-${this.#ref}` });
  }

  /**
   * Repeated on the next connection until there is a reply: no request does more when it is made twice.
   *
   * @param {string} type
   * @param {any} fields
   * @returns {Promise<any>}
   */
  #request(type, fields) {
    return new Promise((resolve, reject) => {
      if (this.#life.signal.aborted) throw failure("closed", "openline: the line is closed");
      if (this.#pending.size >= most) throw failure("limit", "openline: too many requests wait for the line");
      const ref = ++this.#ref;
      const text = JSON.stringify({ type, ref, ...fields });
      const timer = setTimeout(() => this.#settle(ref)?.reject(failure("timeout", "openline: no reply in time")), this.#requestTimeout);
      this.#pending.set(ref, { type, fields, text, timer, resolve, reject });
      this.#flush();
    });
  }

  /** @param {any} ref */
  #settle(ref) {
    const request = this.#pending.get(ref);
    clearTimeout(request?.timer);
    this.#pending.delete(ref);
    return request;
  }

  #flush() {
    if (!this.#opened) return;
    if (!this.#write) return void this.#post(this.#link.signal);
    for (const request of this.#pending.values()) {
      if (!request.sent) this.#write(request.text);
      request.sent = true;
    }
  }

  /**
   * Sends requests by POST, one batch at a time, so that they keep their order.
   *
   * @param {AbortSignal} signal
   */
  async #post(signal) {
    if (this.#posting) return;
    this.#posting = true;
    // What is asked for in the same turn goes together.
    await null;
    for (;;) {
      let size = 0;
      const batch = [...this.#pending].filter(([, { sent, text }]) => !sent && (size += text.length) < 2 ** 16 + text.length);
      if (signal.aborted) return;
      if (!batch.length) break;
      for (const [, request] of batch) request.sent = true;
      const response = await this.#fetch(this.#address("send", { session: this.#session }), signal, {
        method: "POST",
        headers: { "Content-Type": "application/x-ndjson" },
        body: batch.map(([, { text }]) => text).join("\n"),
      });
      const { status = 0 } = response ?? {};
      const text = await response?.text().catch(() => {});
      if (signal.aborted) return;
      const left = () => batch.filter(([ref]) => this.#pending.has(ref));
      if (/^4(01|04|10)$/.test(status)) return this.#lose({ code: status === 401 ? status : 0 });
      if (/^4(00|03|13|15)$/.test(status)) {
        const problem = parse(text);
        for (const [ref] of left()) this.#settle(ref)?.reject(failure(problem?.code, problem?.detail));
      } else if (status === 200) {
        for (const line of text?.split("\n") ?? []) {
          const reply = parse(line);
          // One that names no request, because it was not even read, is to the first that is left: they are in order.
          if (reply?.type && reply.data?.code !== "rate_limit") this.#reply({ ref: left()[0]?.[0], ...reply });
        }
      }
      if (left().length) {
        await new Promise((resolve) => setTimeout(resolve, retryAfter(response) + 1000 + Math.random() * 2000));
        for (const [, request] of left()) request.sent = false;
      }
    }
    this.#posting = false;
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} query
   */
  #address(path, query) {
    const url = new URL(`${path}/${encodeURIComponent(this.#user)}`, this.#base);
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    return url;
  }

  /**
   * Nothing when there is no answer.
   *
   * @param {URL} url
   * @param {AbortSignal} signal
   * @param {{ headers: Record<string, string>, method?: string, body?: string }} options
   * @returns {Promise<any>}
   */
  #fetch(url, signal, options) {
    if (this.#credential) options.headers.Authorization = `Bearer ${this.#credential}`;
    return fetch(url, { cache: "no-store", signal, ...options }).catch(() => {});
  }

  async #dial() {
    clearTimeout(this.#timer);
    const transport = this.#names[this.#index];
    const { signal } = (this.#link = new AbortController());
    this.#error = undefined;
    this.#write = undefined;
    this.#posting = false;
    this.#become({ name: "connecting", transport });
    /** @type {Ending} */
    let ending;
    let down = true;
    try {
      const credential = typeof this.#token === "function" ? await this.#token() : this.#token;
      if (signal.aborted) return;
      down = false;
      this.#credential = credential ?? "";
      this.#timer = setTimeout(() => this.#lose({}), this.#openTimeout);
      ending = await (transport === "websocket" ? this.#socket(signal) : this.#body(transport, signal));
    } catch (error) {
      ending = { reason: String(error), down };
    }
    if (!signal.aborted) this.#lose(ending);
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<Ending>}
   */
  async #socket(signal) {
    const url = this.#address("ws", { channels: [...this.#channels].join(), since: this.#cursor });
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, this.#credential ? ["openline.v1", `bearer.${this.#credential}`] : []);
    signal.onabort = () => socket.close(1000);
    socket.onmessage = ({ data }) => this.#take(parse(data), signal);
    this.#write = (text) => socket.send(text);
    return new Promise((resolve) => (socket.onclose = resolve));
  }

  /**
   * @param {Transport} transport
   * @param {AbortSignal} signal
   * @returns {Promise<Ending>}
   */
  async #body(transport, signal) {
    for (;;) {
      const poll = transport === "poll";
      const url = this.#address(transport, {
        channels: [...this.#channels].join(),
        since: this.#cursor,
        // At once while it is not known to get through.
        wait: poll && this.#opened ? "25s" : "",
      });
      const response = await this.#fetch(url, signal, { headers: transport === "sse" ? { Accept: "text/event-stream" } : {} });
      if (!response) return { down: true };
      if (response.status !== 200) {
        this.#hint(retryAfter(response));
        const problem = parse(await response.text());
        return { code: response.status, reason: problem?.detail };
      }
      if (poll) {
        const { cursor, messages } = await response.json();
        // A polling session that goes on does not open again.
        if (!this.#opened && !signal.aborted && messages[0]?.type !== "sys:open") {
          this.#open({ session: this.#session, user: this.#user, resumed: true, ping: this.#ping / 1000 });
        }
        for (const envelope of messages) this.#take(envelope, signal);
        if (signal.aborted) return {};
        this.#heard = Date.now();
        this.#cursor = cursor;
        continue;
      }
      let data = "";
      let id = "";
      for await (const line of lines(response.body, () => (this.#heard = Date.now()))) {
        const [, field, value] = /** @type {string[]} */ (/^([^:]*):? ?(.*)$/s.exec(line));
        if (transport === "stream") this.#take(parse(line), signal);
        else if (field === "data") data += `\n${value}`;
        else if (field === "id") id = value;
        else if (field === "retry" && /^\d+$/.test(value)) this.#hint(Number(value));
        else if (!line) {
          this.#take(parse(data), signal);
          // The last one of a session that is over has no data, and is answered with 204 from then on.
          this.#cursor = id || this.#cursor;
          data = id = "";
        }
      }
      return {};
    }
  }

  /** @param {number} delay milliseconds */
  #hint(delay) {
    this.#after = Date.now() + Math.min(delay || 0, 10 * minute);
  }

  /**
   * @param {any} envelope
   * @param {AbortSignal} signal
   */
  #take(envelope, signal) {
    this.#heard = Date.now();
    if (signal.aborted || !envelope?.type) return;
    const { type, id, ref } = envelope;
    const data = envelope.data ?? {};
    if (type === "sys:ok" || ref !== undefined) return this.#reply(envelope);
    this.#cursor = envelope.cursor ?? (/^sys:(open|gap)$/.test(type) && data.cursor || id || this.#cursor);
    if (type === "sys:open") return this.#open(data);
    if (type === "sys:drain") return this.#hint(data.retry);
    if (type === "sys:error") {
      this.#error = data;
      return this.#emit(["error"], data);
    }
    if (id) {
      if (this.#seen.has(id)) return;
      this.#seen.add(id);
      if (this.#seen.size > most) this.#seen.delete(/** @type {string} */ (this.#seen.values().next().value));
    }
    const name = type === "sys:gap" ? "gap" : /^sys:(join|leave)$/.test(type) ? "presence" : names.test(type) ? "" : type;
    const taken = this.#emit([name, "*"], envelope);
    if (envelope.ack) taken.then((some) => some && this.#request("ack", { id })).catch(() => {});
  }

  /** @param {any} envelope */
  #reply(envelope) {
    const request = this.#settle(envelope?.ref);
    if (!request) return;
    const { type, fields, resolve, reject } = request;
    const data = envelope.data ?? {};
    if (envelope.type === "sys:error") return reject(failure(data.code, data.message));
    if (type === "unsubscribe") {
      this.#channels.delete(fields.channel);
      // Whoever subscribes again may get the latest again.
      this.#seen.clear();
    }
    if (type === "subscribe") {
      this.#channels.add(fields.channel);
      // By POST the reply may overtake messages that are still on their way: then it only takes the line back, not on.
      if (data.cursor && (this.#write || fields.since)) this.#cursor = data.cursor;
    }
    resolve(data);
  }

  /** @param {any} data of sys:open */
  #open({ session, user, resumed, ping }) {
    const now = Date.now();
    this.#stop();
    this.#error = undefined;
    this.#after = 0;
    this.#session = session;
    this.#opened = now;
    this.#ping = ping * 1000 || longest;
    this.#watch = setInterval(() => this.#check(), this.#ping / 2);
    // One that got through in place of a better one that did before, as when the server was away for a moment, is not kept for long.
    this.#best = Math.min(this.#best, this.#index);
    const late = this.#index > this.#best;
    this.#span = late ? Math.min(this.#span * 4, hour) : minute / 4;
    this.#keep(this.#index, now + (late ? this.#span : hour));
    for (const request of this.#pending.values()) request.sent = false;
    this.#become({ name: "open", transport: this.#names[this.#index], resumed, session, user });
    this.#flush();
  }

  /**
   * @param {number} index
   * @param {number} until
   */
  #keep(index, until) {
    this.#kept = index;
    this.#until = until;
    try {
      if (index) localStorage[this.#place] = `${this.#names[index]} ${until}`;
      else delete localStorage[this.#place];
    } catch {
      // This page may not.
    }
  }

  /** Looks whether the line is still there, and whether a better transport may be. */
  #check() {
    const now = Date.now();
    const quiet = now - this.#heard;
    const silent = quiet > 2 * this.#ping + margin;
    if (silent || (this.#kept && now > this.#until)) this.#lose({ reason: silent ? "silence" : "" });
    else if (quiet >= this.#ping) this.#write?.('{"type":"ping"}');
  }

  /** The network, or the person, has come back or gone. */
  #wake() {
    const { name } = this.#state;
    if (name === "waiting" && globalThis.navigator?.onLine !== false && this.#after < Date.now()) this.#dial();
    if (name !== "open") return;
    this.#check();
    if (!this.#write || !this.#opened) return;
    const asked = Date.now();
    this.#write('{"type":"ping"}');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#heard < asked && this.#lose({ reason: "silence" }), margin);
  }

  #stop() {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
  }

  /**
   * The connection is over, or is taken to be.
   *
   * @param {Ending} ending
   */
  #lose({ code = 0, reason, down }) {
    const opened = this.#opened;
    this.#opened = 0;
    this.#stop();
    this.#link.abort();
    const { code: word, message } = this.#error ?? {};
    const silent = !code || code === 1005 || code === 1006;
    const steady = Date.now() - opened > 5_000;
    // A network that breaks is no reason to wait for long, a server that ends what it has just opened is.
    if (opened && (steady || (silent && !word))) this.#attempt = 0;
    if (opened && steady) this.#denied = 0;
    if (silent && word && this.#after <= Date.now()) code = codes[word] ?? code;
    const why = reason || message || "";
    const digits = String(code);

    if (code === 401 || code === 4001) {
      if (typeof this.#token !== "function" || ++this.#denied > refusals) return this.#close(code, why);
    } else if (/^(204|4(00|03|10)|100[02378]|1010|40(03|09)|4[1-9]..)$/.test(digits)) {
      return this.#close(code, why);
    } else if (!opened && !down && !word && (silent || /^[234]..$/.test(digits) && !/^4(08|25|29)$/.test(digits))) {
      // It does not get through: the next one may.
      if (this.#index === this.#kept) this.#keep(0, 0);
      if (++this.#index < this.#names.length) return void this.#dial();
    }
    if (code === 4029) this.#attempt += 3;
    if (code === 1009) for (const [ref, { sent }] of this.#pending) if (sent) this.#settle(ref)?.reject(failure("too_large", why));
    this.#index = this.#until > Date.now() ? this.#kept : 0;
    const delay = Math.round(Math.max(0, this.#after - Date.now()) + Math.random() * Math.min(longest, 1000 * 2 ** this.#attempt++));
    this.#timer = setTimeout(() => this.#dial(), delay);
    this.#become({ name: "waiting", delay, code, reason: why });
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #close(code, reason) {
    if (this.#life.signal.aborted) return;
    this.#opened = 0;
    this.#stop();
    this.#life.abort();
    this.#link.abort();
    for (const ref of this.#pending.keys()) this.#settle(ref)?.reject(failure("closed", reason || "openline: the line is closed"));
    this.#become({ name: "closed", code, reason });
  }

  /** @param {State} state */
  #become(state) {
    this.#state = state;
    this.#emit(["state"], state);
  }

  /**
   * Calls the handlers. What they throw is for the page's error handler.
   *
   * @param {string[]} names
   * @param {any} event
   * @returns {Promise<number>} how many there were, when all are done
   */
  async #emit(names, event) {
    const all = names.flatMap((name) => [...(this.#handlers.get(name) ?? [])]).map(async (handler) => handler(event));
    return (await Promise.all(all)).length;
  }
}
