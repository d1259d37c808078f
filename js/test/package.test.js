// What npm would publish.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));

test("the package is the script, its types, how to use it, and the licence", () => {
  const [{ files }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--loglevel=error"], { cwd: folder, encoding: "utf8" }));
  assert.deepEqual(files.map((/** @type {{ path: string }} */ { path }) => path).sort(), [
    "LICENSE",
    "README.md",
    "openline.d.ts",
    "openline.js",
    "package.json",
  ]);
  const types = readFileSync(`${folder}/openline.d.ts`, "utf8");
  for (const name of ["class Openline", "type Envelope", "type State", "type Options", "type OpenlineError"]) {
    assert.ok(types.includes(name), name);
  }
  assert.ok(!/#\w/.test(types.replace("#private", "")), "private members are private");
});
