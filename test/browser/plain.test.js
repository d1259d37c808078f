// Every message once and in order, to clients that have nothing of ours, whose connections are cut at random octets, from a
// server that is started anew.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { live, numbers, publish } from "./backend.js";
import { useBrowser } from "./browser.js";
import { cutter, places, random, seed } from "./cut.js";
import { atEnd } from "./end.js";
import { curls, inPage, judge, perfect } from "./plain.js";

useBrowser();

const total = 5000;
const kills = 10;

/** How long a client waits that was not let in, as a person's loop would. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

test("four plain clients and a backend, ten cuts each, a server that is drained: every message once, in order", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "openline-plain-"));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  const chance = random(seed);
  const place = await live(t, {
    OPENLINE_HISTORY_FILE: join(folder, "history"),
    OPENLINE_NAMESPACES: `{run: {history: {size: ${total + 1}}}}`, // EventSource is away for up to 3 s
  });

  let over = false;
  atEnd(t, () => {
    over = true;
  });

  // All begin behind the same message, whenever they come.
  const [start] = (await publish(place.life, "run:x", [0])).ids;

  /** @param {import("./plain.js").Client} client @param {Awaited<ReturnType<typeof cutter>>} way @param {string} name */
  const follow = async (client, way, name) => {
    /** @type {any[]} */
    const heard = [];
    let since = start;
    while (!over) {
      const visit = await client(way.url, name, { channels: "run:x", since, last: "end" });
      heard.push(...visit.heard);
      since = visit.cursor;
      if (visit.enough) return heard;
      if (visit.heard.length === 0) await pause();
    }
    return heard;
  };

  /** @type {[string, Awaited<ReturnType<typeof cutter>>, Promise<any[]>][]} */
  const runs = [];
  for (const name of /** @type {const} */ (["websocket", "sse", "stream", "longpoll"])) {
    const way = await cutter(t, place.server.port, places(chance, kills, total * 80));
    const client = name === "websocket" || name === "sse" ? (await inPage(t, way.url))[name] : curls(t)[name];
    way.arm();
    const run = follow(client, way, name);
    run.catch(() => {}); // it is looked at below
    runs.push([name, way, run]);
  }
  const way = await cutter(t, place.server.port, places(chance, kills, total * 200));
  way.arm();
  const backend = await publish(place.life, "run:x", [...numbers(1, total), "end"], {
    rate: 500,
    url: way.url,
    before: (n) => {
      if (n === total / 2) void place.again("SIGTERM");
    },
  });
  t.diagnostic(`seed ${seed}: ${total} messages in ${(backend.took / 1000).toFixed(1)} s, ${way.state.cuts} answers cut, ${backend.repeated} calls repeated, ${backend.duplicates} of them known already`);
  assert.equal(way.state.cuts, kills, "the backend");
  for (const [name, way, run] of runs) {
    const heard = await run;
    const found = judge(heard, total);
    const opens = heard.filter(({ type }) => type === "sys:open").length;
    t.diagnostic(
      `${name}: ${total - found.lost} messages, ${way.state.connections} connections (${way.state.cuts} cut), ${opens} sessions; ` +
        `${found.gaps} gaps, ${found.lost} lost, ${found.twice} twice, ${found.disorder} out of order`,
    );
    assert.deepEqual({ ...found, cuts: way.state.cuts }, { ...perfect, cuts: kills }, name);
  }
});
