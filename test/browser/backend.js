// A server that may be started anew, and a backend that publishes numbers to it at a rate, each for as long as it takes.

import { Agent, request } from "node:http";
import { atEnd } from "./end.js";
import { apiKey, serve } from "./server.js";

/**
 * @typedef {object} Life
 * @property {import("./server.js").Server} server
 * @property {Promise<void>} up  settles when the server is there, or there again
 */

/**
 * A server until the end of the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {Record<string, string>} [env]
 */
export async function live(t, env = {}) {
  /** @type {Life} */
  const life = { server: await serve({ env }), up: Promise.resolve() };
  atEnd(t, () => life.server.stop());
  return {
    life,
    get server() {
      return life.server;
    },
    /**
     * Ends the server and starts another, on the same port.
     *
     * @param {NodeJS.Signals} signal
     */
    again: (signal) => {
      life.up = (async () => {
        await life.server.stop(signal);
        life.server = await serve({ env, port: life.server.port });
      })();
      return life.up;
    },
  };
}

/**
 * Publishes values to a channel, in order, one call each. A call that is refused or lost is made again, with the same key.
 *
 * @param {Life} life
 * @param {string} channel
 * @param {any[]} values
 * @param {{ rate?: number, url?: string, before?: (n: number) => void }} [options] rate: in a second; url: of a way to the server; before: called before the nth
 * @returns {Promise<{ repeated: number, duplicates: number, took: number, ids: string[] }>} duplicates: repeated, though they had been taken
 */
export async function publish(life, channel, values, { rate = Infinity, url = life.server.url, before } = {}) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const run = Math.random().toString(36).slice(2);
  const began = performance.now();
  const count = { repeated: 0, duplicates: 0, took: 0, ids: /** @type {string[]} */ ([]) };
  for (const [n, value] of values.entries()) {
    const early = (n / rate) * 1000 - (performance.now() - began);
    if (early > 5) await new Promise((resolve) => setTimeout(resolve, early)); // that is the rate
    before?.(n);
    for (;;) {
      const answer = await post(agent, new URL(`api/channels/${encodeURIComponent(channel)}/messages`, url), JSON.stringify(value), `${run}-${n}`);
      if (answer?.status === 200) {
        if (answer.body.duplicate) count.duplicates++;
        count.ids.push(answer.body.id);
        break;
      }
      if (answer && answer.status !== 503) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
      count.repeated++;
      await life.up;
    }
  }
  count.took = performance.now() - began;
  agent.destroy();
  return count;
}

/**
 * @param {Agent} agent
 * @param {URL} url
 * @param {string} body
 * @param {string} key
 * @returns {Promise<{ status: number, body: any } | undefined>} nothing where no whole answer came
 */
function post(agent, url, body, key) {
  return new Promise((resolve) => {
    const call = request(url, { agent, method: "POST", headers: { Authorization: `Bearer ${apiKey}`, "Idempotency-Key": key, "Content-Length": Buffer.byteLength(body) } });
    call.on("error", () => resolve(undefined));
    call.on("response", async (response) => {
      try {
        let text = "";
        for await (const chunk of response.setEncoding("utf8")) text += chunk;
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
      } catch {
        resolve(undefined);
      }
    });
    call.end(body);
  });
}

/** @param {number} from @param {number} to */
export const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
