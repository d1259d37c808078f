// npm test: builds the server once, then runs every test file, one at a time.

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { binary } from "./server.js";

const folder = fileURLToPath(new URL(".", import.meta.url));
const wanted = process.argv.slice(2);
const files = wanted.length > 0 ? wanted : readdirSync(folder).filter((name) => name.endsWith(".test.js"));

const child = spawn(process.execPath, ["--test", "--test-concurrency=1", "--test-timeout=120000", ...files], {
  cwd: folder,
  env: { ...process.env, OPENLINE_BIN: binary() },
  stdio: "inherit",
});
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.on(signal, () => child.kill(signal));
}
child.on("exit", (code) => process.exit(code ?? 1));
