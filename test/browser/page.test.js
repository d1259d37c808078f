// The page against the real server: connect, send, subscribe, see.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connected, open, pane, useBrowser } from "./browser.js";
import { call, serve } from "./server.js";

/** @type {import("./server.js").Server} */
let server;
before(async () => {
  server = await serve();
});
after(() => server?.stop());
useBrowser();

test("one click connects a user", async (t) => {
  const page = await open(t, server.url);
  const alice = pane(page, "alice");
  await alice.state("Not connected");
  await alice.connect();
  await alice.state("Open");
  await alice.shows("sys:open");
  const [{ session }] = (await call(server, "GET", "api/users/alice")).sessions;
  assert.equal(await alice.root.locator(".session").textContent(), session);
  await alice.button("Disconnect").click();
  await alice.state("Closed");
  assert.match((await alice.why.textContent()) ?? "", /1000/);
});

test("what one page sends, the other shows", async (t) => {
  const one = await connected(t, server.url, ["alice"]);
  const two = await connected(t, server.url, ["bob"]);
  await pane(one, "alice").send("Hello Bob");
  await pane(two, "bob").said("Hello Bob").waitFor();
  await pane(one, "alice").shows("Delivered to 1 session");
  await pane(two, "bob").send("Hello Alice");
  await pane(one, "alice").said("Hello Alice").waitFor();
});

test("two users side by side, under any name", async (t) => {
  const page = await open(t, server.url);
  await pane(page, "alice").box("User").fill("a.user@example:1");
  const alice = pane(page, "a.user@example:1");
  assert.equal(await pane(page, "bob").box("User to send to").inputValue(), "a.user@example:1");
  await alice.connect();
  await pane(page, "bob").connect();
  await alice.state("Open");
  await pane(page, "bob").state("Open");
  await pane(page, "bob").send("to the new name");
  await alice.said("to the new name").waitFor();
});

test("a name that cannot be is refused with a sentence", async (t) => {
  const page = await open(t, server.url);
  await pane(page, "alice").box("User").fill("no spaces");
  const alice = pane(page, "no spaces");
  await alice.connect();
  await alice.root.getByRole("alert").filter({ hasText: "1 to 128 characters" }).waitFor();
  await alice.state("Not connected");
});

test("markup in a message is text", async (t) => {
  const page = await connected(t, server.url, ["alice", "bob"]);
  const hostile = "<img src=x onerror=document.title='taken'><script>document.title='taken'</script>";
  await pane(page, "alice").box("Type").fill("<b>type</b>");
  await pane(page, "alice").send(hostile);
  const shown = pane(page, "bob").said(hostile);
  await shown.waitFor();
  assert.equal(await shown.textContent(), hostile);
  await pane(page, "alice").send(JSON.stringify({ [hostile]: [hostile] }));
  await pane(page, "bob").root.locator(".data").filter({ hasText: "onerror" }).waitFor();
  assert.equal(await page.locator(".log :is(img, script, b)").count(), 0);
  assert.equal(await page.title(), "Openline");
});

test("long numbers arrive as they were written", async (t) => {
  const page = await connected(t, server.url, ["alice", "bob"]);
  await pane(page, "alice").send('{"n": 12345678901234567890.10}');
  await pane(page, "bob").root.locator("[data-way=in] .data").filter({ hasText: '"n": 12345678901234567890.10' }).waitFor();
});

test("channels: subscribe, publish, unsubscribe", async (t) => {
  const page = await connected(t, server.url, ["alice", "bob"]);
  const alice = pane(page, "alice");
  const bob = pane(page, "bob");
  await bob.button("Subscribe").click();
  const leave = bob.button("Unsubscribe from chat:lobby");
  await leave.waitFor();
  await alice.root.getByRole("radio", { name: "Channel" }).check();
  await alice.box("Type").fill("greeting");
  await alice.send("to the lobby");
  await bob.said("to the lobby").waitFor();
  await bob.shows(/alice\s*chat:lobby\s*greeting/);
  await leave.click();
  await leave.waitFor({ state: "detached" });
  await alice.send("to nobody");
  await alice.shows("chat:lobby has no subscriber");
});

test("what the server refuses is shown with its sentence", async (t) => {
  const page = await connected(t, server.url, ["alice"]);
  const alice = pane(page, "alice");
  await alice.box("Type").fill("sys:open");
  await alice.send("as if I were the server");
  const outcome = alice.root.locator(".outcome[data-result=error]");
  await outcome.waitFor();
  assert.match((await outcome.textContent()) ?? "", /sys:/);
  await alice.state("Open");
});

test("a ping tells the round trip", async (t) => {
  const page = await connected(t, server.url, ["alice"]);
  const alice = pane(page, "alice");
  await alice.button("Ping").click();
  await alice.shows(/Answered in [\d.]+ ms/);
});

test("raw shows the envelopes as they travelled", async (t) => {
  const page = await connected(t, server.url, ["alice", "bob"]);
  await page.getByRole("switch", { name: /Raw/ }).check();
  await pane(page, "alice").send("raw words");
  const { root } = pane(page, "bob");
  const raw = root.locator(".raw:visible").filter({ hasText: "raw words" });
  await raw.waitFor();
  const envelope = JSON.parse((await raw.textContent()) ?? "");
  assert.deepEqual([envelope.from, envelope.channel, envelope.data], ["alice", "@bob", { text: "raw words" }]);
  const sent = pane(page, "alice").root.locator("[data-way=out] .raw:visible");
  assert.equal(JSON.parse((await sent.textContent()) ?? "").type, "send");
  await page.getByRole("switch", { name: /Raw/ }).uncheck();
  await raw.waitFor({ state: "detached" });
});

test("the list of messages is bounded", async (t) => {
  const page = await connected(t, server.url, ["alice"]);
  for (let round = 0; round < 12; round++) {
    const batch = Array.from({ length: 50 }, (_, i) => call(server, "POST", "api/users/alice/messages", { text: `number ${50 * round + i}` }));
    await Promise.all(batch);
  }
  await call(server, "POST", "api/users/alice/messages", { text: "the last" });
  await pane(page, "alice").said("the last").waitFor();
  assert.equal(await page.locator(".entry").count(), 500);
  await page.getByText(/^10[0-9] earlier messages are no longer shown$/).waitFor();
});

test("a person who reads earlier messages is not moved", async (t) => {
  const page = await connected(t, server.url, ["alice"]);
  const alice = pane(page, "alice");
  for (let i = 0; i < 40; i++) await call(server, "POST", "api/users/alice/messages", { text: `line ${i}` });
  await alice.said("line 39").waitFor();
  const box = alice.root.getByRole("log");
  const bottom = () => box.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight);
  assert.ok((await bottom()) < 24);
  await box.focus();
  await page.keyboard.press("Home");
  await page.waitForFunction((log) => log?.scrollTop === 0, await box.elementHandle());
  await call(server, "POST", "api/users/alice/messages", { text: "below" });
  const jump = alice.button("New messages");
  await jump.waitFor();
  assert.equal(await box.evaluate((log) => log.scrollTop), 0);
  await jump.click();
  await jump.waitFor({ state: "hidden" });
  assert.ok((await bottom()) < 24);
});

test("the page is complete at 360 pixels", async (t) => {
  const page = await connected(t, server.url, ["alice", "bob"], { context: { viewport: { width: 360, height: 740 } } });
  await pane(page, "alice").send("x".repeat(400));
  await pane(page, "bob").said("xxx").waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
});
