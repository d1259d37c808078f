// The real server, as a person would start it.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The API key of every server started here. */
export const apiKey = "browser-test-key-5f2c9e81b7";

/** Milliseconds after which a server that neither starts nor stops is given up. */
const patience = 30_000;

/** @type {string | undefined} */
let built;

/**
 * The path of the binary: OPENLINE_BIN, or one built into a temporary folder
 * that goes away with this process.
 *
 * @returns {string}
 */
export function binary() {
  if (process.env.OPENLINE_BIN) return process.env.OPENLINE_BIN;
  if (!built) {
    const folder = mkdtempSync(join(tmpdir(), "openline-browser-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    built = join(folder, "openline");
    const root = fileURLToPath(new URL("../..", import.meta.url));
    execFileSync("go", ["build", "-o", built, "./cmd/openline"], { cwd: root, stdio: "inherit" });
  }
  return built;
}

/**
 * @typedef {object} Server
 * @property {string} url      of the page, with a slash at its end
 * @property {number} port
 * @property {() => string} output  everything it printed
 * @property {(signal?: NodeJS.Signals) => Promise<void>} stop  ends it and waits for its end
 */

/**
 * Starts `openline serve` on a loopback port and waits for its address.
 *
 * @param {{ port?: number, env?: Record<string, string> }} [options] port 0: any
 * @returns {Promise<Server>}
 */
export async function serve({ port = 0, env = {} } = {}) {
  const child = spawn(binary(), ["serve", "--listen", `127.0.0.1:${port}`], {
    env: { ...process.env, OPENLINE_API_KEY: apiKey, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const ended = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  /** @type {Promise<string>} */
  const found = new Promise((resolve, reject) => {
    const guard = setTimeout(() => reject(new Error(`the server printed no address:\n${output}`)), patience);
    /** @param {Buffer} chunk */
    const read = (chunk) => {
      output += chunk;
      const address = /(https?):\/\/(?:127\.0\.0\.1|localhost):(\d+)/.exec(output);
      if (!address) return;
      clearTimeout(guard);
      resolve(`${address[1]}://127.0.0.1:${address[2]}/`);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    ended.then(() => {
      clearTimeout(guard);
      reject(new Error(`the server ended:\n${output}`));
    });
  });
  const url = await found.catch((error) => {
    kill();
    throw error;
  });
  return {
    url,
    port: Number(new URL(url).port),
    output: () => output,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      const guard = setTimeout(kill, patience);
      await ended;
      clearTimeout(guard);
      process.off("exit", kill);
    },
  };
}

/**
 * A call of the backend's HTTP API.
 *
 * @param {Server} server
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>} the parsed answer, nothing for an empty one
 */
export async function call(server, method, path, body) {
  const response = await fetch(new URL(path, server.url), {
    method,
    headers: { Authorization: `Bearer ${apiKey}` },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
