// Clients that have nothing of ours: a page's WebSocket and EventSource, and curl.

import { spawn } from "node:child_process";
import { open } from "./browser.js";

/**
 * What a visit is to be.
 *
 * @typedef {object} Wish
 * @property {string} [channels]
 * @property {string} [since]  the cursor to begin with
 * @property {number} [count]  of messages, after which the client leaves; 0: it comes and goes
 * @property {any} [last]  the data of a message, after which it leaves
 */

/**
 * What came of it. If it was not all that was wished for, the connection ended before.
 *
 * @typedef {object} Visit
 * @property {any[]} heard  every envelope
 * @property {string} cursor  of the last envelope that had one
 * @property {boolean} enough  it was all that was wished for
 * @property {number} [code]  how it ended, in the transport's own words: a close code, curl's exit code
 * @property {number} took  milliseconds until the last message
 */

/**
 * A client that comes, hears and leaves.
 *
 * @callback Client
 * @param {string} url  of the server, with a slash at its end
 * @param {string} user
 * @param {Wish} wish
 * @returns {Promise<Visit>}
 */

/**
 * Takes envelopes, and knows the cursor. Its source goes into the page too.
 *
 * @param {Wish} wish
 */
function reader({ since = "", count = Infinity, last }) {
  /** @type {any[]} */
  const heard = [];
  const began = performance.now();
  let messages = 0;
  const visit = { heard, cursor: since, enough: false, took: 0 };
  return {
    visit,
    /**
     * Reports whether that was enough.
     *
     * @param {any} envelope
     */
    take(envelope) {
      heard.push(envelope);
      const place = envelope.cursor ?? envelope.id ?? (/^sys:(open|gap|ok)$/.test(envelope.type) ? envelope.data?.cursor : undefined);
      if (place !== undefined) visit.cursor = place;
      if (envelope.type.startsWith("sys:")) {
        if (count === 0) visit.enough = true;
        return visit.enough;
      }
      visit.took = performance.now() - began;
      if (++messages >= count || (last !== undefined && envelope.data === last)) visit.enough = true;
      return visit.enough;
    },
  };
}

/** @param {Wish & Record<string, any>} wish */
function query({ channels, since, wait }) {
  const said = Object.entries({ channels, since, wait }).filter(([, value]) => value);
  return said.length > 0 ? `?${new URLSearchParams(said)}` : "";
}

/**
 * The clients of a page of that address, which makes them the same origin's.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} url
 * @returns {Promise<{ websocket: Client, sse: Client, page: import("playwright-core").Page }>}
 */
export async function inPage(t, url) {
  const page = await open(t, `${url}healthz`, { expect: /./ });
  await page.evaluate(`globalThis.reader = ${reader}`);
  return {
    page,
    websocket: (base, user, wish) =>
      page.evaluate(
        ({ address, wish }) =>
          new Promise((resolve) => {
            const { take, visit } = /** @type {typeof reader} */ (/** @type {any} */ (globalThis).reader)(wish);
            const socket = new WebSocket(address);
            socket.onclose = ({ code }) => resolve({ ...visit, code });
            socket.onmessage = ({ data }) => {
              if (visit.enough || !take(JSON.parse(data))) return;
              socket.onclose = null;
              socket.close();
              resolve(visit);
            };
          }),
        { address: `${base.replace("http", "ws")}ws/${user}${query(wish)}`, wish },
      ),
    sse: (base, user, wish) =>
      page.evaluate(
        ({ address, wish }) =>
          new Promise((resolve) => {
            const { take, visit } = /** @type {typeof reader} */ (/** @type {any} */ (globalThis).reader)(wish);
            const source = new EventSource(address);
            const leave = () => {
              source.close();
              resolve(visit);
            };
            source.onerror = () => source.readyState === EventSource.CLOSED && leave();
            /** @param {MessageEvent} event */
            const hear = ({ data, lastEventId }) => {
              if (visit.enough) return;
              const enough = take(JSON.parse(data));
              visit.cursor = lastEventId || visit.cursor; // what a browser goes by
              if (enough) leave();
            };
            for (const type of ["message", "sys:open", "sys:gap", "sys:error", "sys:drain", "sys:join", "sys:leave"]) source.addEventListener(type, hear);
          }),
        { address: `${base}sse/${user}${query(wish)}`, wish },
      ),
  };
}

/**
 * Runs curl to its end, or until its output is enough.
 *
 * @param {import("node:test").TestContext} t
 * @param {string[]} args
 * @param {(chunk: string) => boolean} [read]  reports whether that is enough
 * @returns {Promise<{ code: number, output: string }>}
 */
export function curl(t, args, read = () => false) {
  const child = spawn("curl", ["--silent", "--globoff", ...args], { stdio: ["ignore", "pipe", "inherit"], signal: t.signal });
  let output = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk) => {
    output += chunk;
    if (read(chunk)) child.kill("SIGKILL");
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, output }));
  });
}

/**
 * curl's clients: a stream, a loop of long polls, one of short polls.
 *
 * @param {import("node:test").TestContext} t
 * @returns {Record<"stream" | "longpoll" | "poll", Client>}
 */
export function curls(t) {
  /** @param {string} wait @returns {Client} */
  const polls = (wait) => async (base, user, wish) => {
    const { take, visit } = reader(wish);
    while (!visit.enough) {
      const { code, output } = await curl(t, ["--fail", `${base}poll/${user}${query({ ...wish, since: visit.cursor, ...(wait && { wait }) })}`]);
      // To curl an answer that is cut off within its header is one without a body.
      if (code !== 0 || output === "") return { ...visit, code };
      const { cursor, messages } = JSON.parse(output);
      for (const envelope of messages) take(envelope);
      visit.cursor = cursor;
    }
    return visit;
  };
  return {
    stream: async (base, user, wish) => {
      const { take, visit } = reader(wish);
      let rest = "";
      const { code } = await curl(t, ["--fail", "--no-buffer", `${base}stream/${user}${query(wish)}`], (chunk) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line && !visit.enough) take(JSON.parse(line));
        return visit.enough;
      });
      return { ...visit, code };
    },
    longpoll: polls("25s"),
    poll: polls(""),
  };
}

/** @param {any[]} heard @returns {any[]} the application's messages */
export const messages = (heard) => heard.filter(({ type }) => !type.startsWith("sys:"));

/** @param {any[]} heard @returns {any[]} what the gaps say */
export const gaps = (heard) => heard.filter(({ type }) => type === "sys:gap").map(({ data }) => data);

/**
 * How what was heard differs from the numbers from 1 on, each once and in order.
 *
 * @param {any[]} heard
 * @param {number} count
 */
export function judge(heard, count) {
  const numbers = messages(heard).map(({ data }) => data).filter((data) => typeof data === "number");
  const seen = new Set(numbers);
  let lost = 0;
  for (let n = 1; n <= count; n++) if (!seen.has(n)) lost++;
  return {
    lost,
    twice: numbers.length - seen.size,
    disorder: numbers.filter((n, i) => i > 0 && n <= numbers[i - 1]).length,
    gaps: gaps(heard).length,
  };
}

/** What {@link judge} says of a client that has everything. */
export const perfect = { lost: 0, twice: 0, disorder: 0, gaps: 0 };
