// One line of a message list. Each entry carries two forms, the readable one
// and the envelope as it travelled; the style sheet shows one of them.

import { make } from "./dom.js";
import { pretty, shorten } from "./json.js";
import { rawData } from "./line.js";

/** @typedef {import("./line.js").Envelope} Envelope */

/**
 * @param {Date} when
 * @returns {HTMLTimeElement}
 */
function clock(when) {
  const time = make("time");
  if (Number.isNaN(when.getTime())) return time;
  /** @param {number} n @param {number} width */
  const pad = (n, width) => String(n).padStart(width, "0");
  time.dateTime = when.toISOString();
  time.title = when.toLocaleString();
  time.append(
    `${pad(when.getHours(), 2)}:${pad(when.getMinutes(), 2)}:${pad(when.getSeconds(), 2)}`,
    make("span", "fraction", `.${pad(when.getMilliseconds(), 3)}`),
  );
  return time;
}

/**
 * A short text of somebody else's: a type, a code, a name.
 *
 * @param {string} className
 * @param {unknown} text
 */
function word(className, text) {
  const words = String(text);
  return make("span", className, words.length > 200 ? `${words.slice(0, 200)}…` : words);
}

/**
 * One of six colours for a name, always the same.
 *
 * @param {string} name
 * @returns {string}
 */
export function hue(name) {
  let sum = 0;
  for (const c of name) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) >>> 0;
  return String(sum % 6);
}

/**
 * @param {string} name
 * @returns {HTMLElement}
 */
function person(name) {
  const span = word("from", name);
  span.dataset.hue = hue(name);
  return span;
}

/**
 * Data in its readable form: {"text": …} as text, anything else as JSON.
 *
 * @param {unknown} value
 * @param {string} raw the same as it was written
 * @returns {HTMLElement}
 */
function readable(value, raw) {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const keys = Object.keys(value);
    const text = /** @type {Record<string, unknown>} */ (value).text;
    if (keys.length === 1 && typeof text === "string") {
      const said = make("p", "said", shorten(text));
      said.dir = "auto";
      return said;
    }
  }
  return make("pre", "data", pretty(raw));
}

/**
 * @param {string} kind
 * @param {(Node | string)[]} meta
 * @param {HTMLElement | null} body
 * @param {string} raw the envelope as it travelled
 * @param {"in" | "out" | ""} way
 */
function entry(kind, meta, body, raw, way) {
  const item = make("li", "entry");
  item.dataset.kind = kind;
  if (way) item.dataset.way = way;
  const head = make("div", "meta");
  const arrow = make("span", "way", way === "out" ? "sent" : way === "in" ? "received" : "");
  head.append(...meta);
  if (way) head.append(arrow);
  item.append(head);
  if (body) {
    body.classList.add("friendly");
    item.append(body);
  }
  if (raw) item.append(make("pre", "raw", shorten(raw)));
  return item;
}

/**
 * The entry of what came from the server.
 *
 * @param {string} text as it came
 * @param {Envelope | null} envelope
 * @param {Date} now used when the envelope has no time
 * @returns {HTMLLIElement}
 */
export function received(text, envelope, now) {
  if (!envelope) {
    const body = make("p", "sentence", "This message is not an envelope.");
    return entry("error", [clock(now)], body, text, "in");
  }
  const { type, channel, from, data, time } = envelope;
  const when = clock(time ? new Date(time) : now);
  /** @type {HTMLElement[]} */
  const meta = [when];
  if (from) meta.push(person(from));
  if (channel) meta.push(word("channel", channel));
  meta.push(word("type", type));
  const raw = data === undefined ? "" : rawData(text);
  if (type === "sys:error") {
    const item = entry("error", meta, make("p", "sentence", shorten(String(data?.message ?? "The server reported an error."), 2000)), text, "in");
    if (envelope.ref !== undefined) item.dataset.reply = "";
    if (data?.code) item.querySelector(".meta")?.append(word("code", data.code));
    return item;
  }
  const system = type.startsWith("sys:");
  const body = system ? make("p", "sentence", shorten(systemSentence(type, data), 2000)) : raw ? readable(data, raw) : null;
  const item = entry(system ? "system" : "message", meta, body, text, "in");
  if (type === "sys:ok") item.dataset.reply = "";
  return item;
}

/**
 * @param {string} type
 * @param {any} data
 * @returns {string}
 */
function systemSentence(type, data) {
  switch (type) {
    case "sys:open":
      return data?.resumed ? "The session goes on where it was." : "The session is open.";
    case "sys:drain":
      return `The server is about to close this session and asks to come back in ${Number(data?.retry) / 1000} s.`;
    case "sys:gap":
      return `Messages of ${data?.channel} are gone: ${data?.reason ?? "no reason given"}.`;
    case "sys:join":
      return `${data?.user} joined.`;
    case "sys:leave":
      return `${data?.user} left.`;
    default:
      return data === undefined ? type : JSON.stringify(data);
  }
}

/**
 * The entry of a request, and the functions that write its outcome into it.
 *
 * @param {object} request
 * @param {string} request.who     the sender
 * @param {string} request.to      whom or what it is for
 * @param {string} request.type
 * @param {string} [request.data]  JSON as sent
 * @param {string} request.text    the whole request as sent
 * @returns {{ item: HTMLLIElement, done: (words: string) => void, failed: (words: string) => void }}
 */
export function sent({ who, to, type, data, text }) {
  /** @type {HTMLElement[]} */
  const meta = [clock(new Date())];
  if (data === undefined) meta.push(word("type", type), word("channel", to));
  else meta.push(person(who), word("channel", to), word("type", type));
  const body = data === undefined ? null : readable(JSON.parse(data), data);
  const item = entry(data === undefined ? "action" : "message", meta, body, text, "out");
  const outcome = make("p", "outcome friendly", "sent");
  item.append(outcome);
  return {
    item,
    done: (words) => {
      outcome.textContent = words;
      outcome.dataset.result = "ok";
    },
    failed: (words) => {
      outcome.textContent = words;
      outcome.dataset.result = "error";
    },
  };
}

/**
 * A sentence of the page itself: connected, lost, closed.
 *
 * @param {string} words
 * @param {"note" | "error"} [kind]
 * @returns {HTMLLIElement}
 */
export function note(words, kind = "note") {
  const item = entry(kind, [clock(new Date())], make("p", "sentence", words), "", "");
  item.dataset.own = "";
  return item;
}
