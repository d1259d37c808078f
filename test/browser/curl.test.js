import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { address, curl, receipt } from "../../console/static/api.js";

const base = "http://127.0.0.1:8080/";

/** @type {import("../../console/static/api.js").Call} */
const hi = { target: "user", name: "alice", type: "", data: '{"text":"hi"}' };

test("each target has its address", () => {
  assert.equal(address(hi, base).href, `${base}api/users/alice/messages`);
  assert.equal(address({ ...hi, name: "a@b" }, base).href, `${base}api/users/a%40b/messages`);
  assert.equal(address({ ...hi, target: "channel", name: "a:b/c", type: "x y" }, base).href, `${base}api/channels/a%3Ab%2Fc/messages?type=x+y`);
  assert.equal(address({ ...hi, target: "all" }, "https://host/below/").href, "https://host/below/api/broadcast");
});

test("the line for a shell is the one of the manual", () => {
  assert.equal(
    curl(hi, base, ""),
    `curl -d '{"text":"hi"}' -H "Authorization: Bearer $OPENLINE_API_KEY" http://127.0.0.1:8080/api/users/alice/messages`,
  );
});

test("a shell reads back what was meant", () => {
  const data = `{"text":"it's $HOME \`id\` \\\\ \\"!\\" é"}`;
  const line = curl({ ...hi, type: "a&b", data }, base, "k'ey$(id)").replace(/^curl/, "printf '%s\\0'");
  const words = execFileSync("sh", ["-c", line], { encoding: "utf8" }).split("\0").slice(0, -1);
  assert.deepEqual(words, ["-d", data, "-H", "Authorization: Bearer k'ey$(id)", `${base}api/users/alice/messages?type=a%26b`]);
});

test("receipts are told in words", () => {
  assert.equal(receipt({ delivered: 1 }, hi), "Delivered to 1 session");
  assert.equal(receipt({ delivered: 1200 }, hi), "Delivered to 1,200 sessions");
  assert.equal(receipt({ delivered: 0 }, hi), "Delivered to nobody: alice has no session open");
  assert.equal(receipt({ id: "1-2" }, hi), "Accepted as 1-2");
});
