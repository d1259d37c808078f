// Everything without a pointer, and in light and dark.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, pane, useBrowser } from "./browser.js";
import { serve } from "./server.js";

/** @type {import("./server.js").Server} */
let server;
before(async () => {
  server = await serve();
});
after(() => server?.stop());
useBrowser();

/**
 * Presses Tab until the element with this name has the focus.
 *
 * @param {import("playwright-core").Page} page
 * @param {import("playwright-core").Locator} target
 */
async function tabTo(page, target) {
  const element = await target.elementHandle();
  for (let i = 0; i < 80; i++) {
    if (await page.evaluate((wanted) => document.activeElement === wanted, element)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab never reaches ${target}`);
}

test("connect, write and leave by keyboard alone", async (t) => {
  const page = await open(t, server.url);
  const alice = pane(page, "alice");
  const bob = pane(page, "bob");
  await tabTo(page, alice.box("User"));
  await page.keyboard.press("Enter");
  await alice.state("Open");
  await page.keyboard.press("Enter"); // in the name, which is fixed now: nothing happens
  await tabTo(page, bob.button("Connect"));
  await page.keyboard.press("Space");
  await bob.state("Open");
  assert.ok(await bob.button("Disconnect").evaluate((button) => document.activeElement === button));

  await tabTo(page, bob.box("Channel to subscribe to"));
  await page.keyboard.press("Enter");
  await bob.button("Unsubscribe from chat:lobby").waitFor();

  await tabTo(page, alice.root.getByRole("radio", { name: "User" }));
  await page.keyboard.press("ArrowRight");
  await tabTo(page, alice.box("Message"));
  await page.keyboard.type("first line");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("second line");
  await page.keyboard.press("Enter");
  await bob.said("first line\nsecond line").waitFor();
  assert.equal(await alice.box("Message").inputValue(), "");

  await tabTo(page, bob.button("Unsubscribe from chat:lobby"));
  await page.keyboard.press("Enter");
  await bob.button("Unsubscribe from chat:lobby").waitFor({ state: "detached" });
  assert.ok(await bob.box("Channel to subscribe to").evaluate((field) => document.activeElement === field));

  await tabTo(page, alice.button("Disconnect"));
  await page.keyboard.press("Enter");
  await alice.state("Closed");
});

test("every control has a name and shows its focus", async (t) => {
  const page = await open(t, server.url);
  const names = await page.locator("button:visible, input:visible, textarea:visible, summary:visible").evaluateAll((all) =>
    all.map((element) => {
      const labels = /** @type {HTMLInputElement} */ (element).labels ?? [];
      return element.getAttribute("aria-label") || Array.from(labels).map((label) => label.textContent).join("") || element.textContent;
    }),
  );
  assert.ok(names.length > 20);
  for (const name of names) assert.match(name ?? "", /\S/);
  await page.keyboard.press("Tab");
  const outlined = await page.evaluate(() => {
    const focused = /** @type {Element} */ (document.activeElement);
    return [focused, focused.nextElementSibling ?? focused].some((element) => getComputedStyle(element).outlineStyle !== "none");
  });
  assert.ok(outlined);
});

test("light and dark follow the system until one is chosen", async (t) => {
  const page = await open(t, server.url, { context: { colorScheme: "dark" } });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.emulateMedia({ colorScheme: "light" });
  const light = await ground();
  assert.notEqual(dark, light);
  await page.getByRole("button", { name: "Switch to the dark theme" }).click();
  assert.equal(await ground(), dark);
  await page.reload();
  assert.equal(await ground(), dark);
  await page.getByRole("button", { name: "Switch to the light theme" }).click();
  assert.equal(await ground(), light);
  assert.equal(await page.evaluate(() => localStorage.length), 0, "the system's own theme is not stored");
  await page.emulateMedia({ colorScheme: "dark" });
  assert.equal(await ground(), dark);
});
