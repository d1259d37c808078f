// The page over HTTP/2, with its WebSockets over HTTP/1.1 on the same port.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connected, pane, useBrowser } from "./browser.js";
import { serve } from "./server.js";

/** @type {import("./server.js").Server} */
let server;
const folder = mkdtempSync(join(tmpdir(), "openline-http2-"));
before(async () => {
  const root = execFileSync("go", ["env", "GOROOT"], { encoding: "utf8" }).trim();
  execFileSync("go", ["run", join(root, "src/crypto/tls/generate_cert.go"), "--host", "127.0.0.1", "--ecdsa-curve", "P256"], { cwd: folder, stdio: "pipe" });
  server = await serve({ env: { OPENLINE_TLS_CERT: join(folder, "cert.pem"), OPENLINE_TLS_KEY: join(folder, "key.pem") } });
});
after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});
useBrowser();

test("the page comes by h2 and talks by wss", async (t) => {
  const page = await connected(t, server.url, ["alice", "bob"], { context: { ignoreHTTPSErrors: true } });
  const protocols = await page.evaluate(() =>
    [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].map((e) => /** @type {PerformanceResourceTiming} */ (e).nextHopProtocol),
  );
  assert.ok(protocols.length > 1, `${protocols}`);
  assert.deepEqual([...new Set(protocols)], ["h2"]);
  const echo = await page.evaluate(
    (url) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(url);
        socket.onerror = () => reject(new Error("wss does not open"));
        socket.onmessage = ({ data }) => resolve(JSON.parse(data).type);
      }),
    `${server.url.replace("http", "ws")}ws/carol`,
  );
  assert.equal(echo, "sys:open");
  await pane(page, "alice").send("by wss");
  await pane(page, "bob").shows("by wss");
});

test("more streams than HTTP/1.1 has connections for", async (t) => {
  const page = await connected(t, server.url, [], { context: { ignoreHTTPSErrors: true } });
  const opened = await page.evaluate(async () => {
    const sources = Array.from({ length: 10 }, (_, i) => new EventSource(`sse/user${i}`));
    await Promise.all(sources.map((source) => new Promise((resolve) => source.addEventListener("sys:open", resolve, { once: true }))));
    const beside = await fetch("healthz");
    for (const source of sources) source.close();
    return beside.ok && sources.length;
  });
  assert.equal(opened, 10);
});
