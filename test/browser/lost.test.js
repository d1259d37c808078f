// Lines that end: the server goes, comes back, closes them, refuses them.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { connected, open, pane, useBrowser } from "./browser.js";
import { atEnd } from "./end.js";
import { call, serve } from "./server.js";

useBrowser();

/** What Chromium itself reports when a handshake or its explanation fails. */
const failures = /WebSocket connection to|Failed to load resource/;

for (const signal of /** @type {const} */ (["SIGKILL", "SIGTERM"])) {
  test(`the page comes back after ${signal} and a new start on the same port`, async (t) => {
    let server = await serve();
    atEnd(t, () => server.stop("SIGKILL"));
    const page = await connected(t, server.url, ["alice", "bob"], { expect: failures });
    const alice = pane(page, "alice");
    const bob = pane(page, "bob");
    await bob.button("Subscribe").click();
    await bob.button("Unsubscribe from chat:lobby").waitFor();
    const session = await bob.root.locator(".session").textContent();

    await server.stop(signal);
    await alice.state("Reconnecting");
    await bob.state("Reconnecting");
    assert.match((await bob.why.textContent()) ?? "", /\S/);

    server = await serve({ port: server.port });
    // The wait may be long by now; a person would press the button too.
    for (const user of [alice, bob]) {
      await user.button("Retry now").click({ timeout: 1000 }).catch(() => {});
      await user.state("Open");
    }
    assert.notEqual(await bob.root.locator(".session").textContent(), session);
    await call(server, "POST", "api/channels/chat%3Alobby/messages", { text: "still subscribed" });
    await bob.said("still subscribed").waitFor();
    await alice.send("still here");
    await bob.said("still here").waitFor();
  });
}

test("a user whom the backend disconnects is told, and stays away", async (t) => {
  const server = await serve();
  atEnd(t, () => server.stop());
  const page = await connected(t, server.url, ["alice"]);
  const alice = pane(page, "alice");
  await call(server, "DELETE", "api/users/alice/sessions");
  await alice.state("Closed");
  assert.match((await alice.why.textContent()) ?? "", /4009/);
  await alice.shows("4009");
  await alice.connect();
  await alice.state("Open");
});

/**
 * A signed token (RFC 7519) for a user, good for an hour.
 *
 * @param {string} secret
 * @param {string} user
 */
function sign(secret, user) {
  /** @param {object} part */
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const text = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, exp: Math.floor(Date.now() / 1000) + 3600 })}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

test("a server that asks for tokens is explained, and given one", async (t) => {
  const secret = "a-secret-of-at-least-thirty-two-bytes!";
  const server = await serve({ env: { OPENLINE_TOKEN_HMAC_SECRET: secret } });
  atEnd(t, () => server.stop());
  const page = await open(t, server.url, { expect: failures });
  const alice = pane(page, "alice");
  const told = (/** @type {RegExp} */ text) => alice.root.getByRole("alert").filter({ hasText: text }).waitFor();
  await alice.connect();
  await alice.state("Closed");
  await told(/asks for a token/);
  const token = alice.root.getByLabel("Token", { exact: true });
  await token.fill("not.a.token");
  await alice.connect();
  await told(/refused this token/);
  await token.fill("no token at all");
  await alice.connect();
  await told(/cannot be sent/);
  await token.fill(sign(secret, "bob"));
  await alice.connect();
  await told(/does not allow this.*bob/);
  await token.fill(sign(secret, "alice"));
  await token.press("Enter");
  await alice.state("Open");
});
