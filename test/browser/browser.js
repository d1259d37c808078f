// Chromium, and the parts of the page that the tests speak of.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { atEnd } from "./end.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").Locator} Locator */

/** @type {import("playwright-core").Browser} */
let browser;

/** Registers the start and the end of one browser for this file's tests. */
export function useBrowser() {
  before(async () => {
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  });
  after(() => browser?.close());
}

/**
 * Opens the page in a browser profile of its own, closed when the test ends. A
 * test fails if its page reported an error (a policy violation is one), threw,
 * or asked another host than these for anything.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} url
 * @param {object} [options]
 * @param {RegExp} [options.expect] errors that belong to the test
 * @param {string[]} [options.others] addresses of hosts that the page may ask, too
 * @param {import("playwright-core").BrowserContextOptions} [options.context]
 * @returns {Promise<Page>}
 */
export async function open(t, url, { expect, others = [], context: settings } = {}) {
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => {
    const text = `${message.type()}: ${message.text()}`;
    if (["error", "warning"].includes(message.type()) && !expect?.test(text)) complaints.push(text);
  });
  page.on("pageerror", (error) => complaints.push(`thrown: ${error.stack ?? error}`));
  const hosts = [url, ...others].map((each) => new URL(each).host);
  page.on("request", (request) => {
    const asked = new URL(request.url());
    if (asked.protocol !== "data:" && !hosts.includes(asked.host)) complaints.push(`asked ${request.url()}`);
  });
  atEnd(t, async () => {
    await context.close();
    assert.deepEqual(complaints, [], "the page complained");
  });
  await page.goto(url);
  return page;
}

/**
 * A user's pane.
 *
 * @param {Page} page
 * @param {string} user
 */
export function pane(page, user) {
  const root = page.getByRole("region", { name: `User ${user}`, exact: true });
  /** @param {string} name */
  const button = (name) => root.getByRole("button", { name, exact: true });
  /** @param {string} name */
  const box = (name) => root.getByRole("textbox", { name, exact: true });
  return {
    root,
    button,
    box,
    connect: () => button("Connect").click(),
    /** @param {string} name */
    state: (name) => root.getByRole("status").getByText(name, { exact: true }).waitFor(),
    /**
     * Waits for a message or another entry with this text.
     *
     * @param {string | RegExp} text
     */
    shows: (text) => root.getByRole("listitem").filter({ hasText: text }).first().waitFor(),
    /** @param {string} text */
    said: (text) => root.locator(".entry[data-way=in] .said").filter({ hasText: text }),
    why: root.locator(".why"),
    /** @param {string} text */
    send: async (text) => {
      await box("Message").fill(text);
      await box("Message").press("Enter");
    },
  };
}

/**
 * Opens the page and connects users in it.
 *
 * @param {import("node:test").TestContext} t
 * @param {string} url
 * @param {string[]} users of alice and bob
 * @param {Parameters<typeof open>[2]} [options]
 * @returns {Promise<Page>}
 */
export async function connected(t, url, users, options) {
  const page = await open(t, url, options);
  for (const user of users) await pane(page, user).connect();
  for (const user of users) await pane(page, user).state("Open");
  return page;
}
