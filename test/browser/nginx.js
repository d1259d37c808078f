// nginx in front of a server, with a configuration from test/nginx.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd } from "./end.js";

// Debian has it where only root's PATH leads.
const path = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Why it cannot be run here, or false. */
export const missing = (() => {
  try {
    execFileSync("nginx", ["-v"], { stdio: "ignore", env: { PATH: path } });
    return false;
  } catch {
    return "needs nginx (apt-get install nginx)";
  }
})();

/** A port that was free a moment ago. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Whether something listens at a port.
 *
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/**
 * Starts nginx, until the end of the test.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} name of the configuration
 * @param {import("./server.js").Server} server
 * @returns {Promise<string>} its address
 */
export async function nginx(t, name, server) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "openline-nginx-"));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  const text = readFileSync(new URL(`../nginx/${name}.conf`, import.meta.url), "utf8")
    .replace("@listen@", `127.0.0.1:${port}`)
    .replace("@server@", `127.0.0.1:${server.port}`);
  writeFileSync(join(folder, "nginx.conf"), text);
  const child = spawn("nginx", ["-p", folder, "-c", "nginx.conf", "-g", "daemon off; master_process off;"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: path },
  });
  const ended = once(child, "exit");
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  atEnd(t, async () => {
    child.kill("SIGKILL");
    await ended;
  });
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended:\n${said}`);
  }
  return `http://127.0.0.1:${port}/`;
}
