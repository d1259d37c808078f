// The page that the conformance suite reports on, opened from its file.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { open, useBrowser } from "./browser.js";

const file = new URL("../../websocket/conformance/testdata/report/report.html", import.meta.url);
const url = pathToFileURL(file.pathname).href;
useBrowser();

/** @param {import("playwright-core").Page} page */
const visibleCases = (page) =>
  page.locator(".case").evaluateAll((all) => all.filter((one) => one.checkVisibility()).map((one) => one.id));

test("failures are open, the rest is folded", async (t) => {
  const page = await open(t, url);
  await page.getByRole("heading", { name: "WebSocket conformance" }).waitFor();
  await page.getByText("2 of 6 cases failed").waitFor();
  assert.deepEqual(
    await page.locator(".case[open]").evaluateAll((all) => all.map((one) => one.id)),
    ["r1.WS-4.2-01.1", "r1.WS-5.4-01.1"],
  );
  await page.getByText("a text message came instead").waitFor();
  assert.equal(await page.locator(".here").first().innerText(), "< refused 400 failed here");
  await page.getByText("0000  88 82 12 34 56 78 11 dc", { exact: false }).waitFor();
});

test("the filter shows what is asked for, and opens its groups", async (t) => {
  const page = await open(t, url);
  const status = page.getByRole("status");
  assert.equal(await status.textContent(), "8 cases");
  await page.getByRole("checkbox", { name: "Failed" }).uncheck();
  await page.getByRole("checkbox", { name: "Passed" }).uncheck();
  assert.equal(await status.textContent(), "3 of 8 cases");
  assert.deepEqual(await visibleCases(page), ["r1.WS-5.4-02.1", "r1.PD-7.2-01.1", "r2.WS-5.4-01.1"]);
  await page.getByRole("combobox", { name: "Level" }).selectOption("SHOULD");
  assert.deepEqual(await visibleCases(page), ["r1.WS-5.4-02.1"]);
  await page.getByRole("combobox", { name: "Level" }).selectOption("all");
  await page.getByRole("searchbox", { name: "Text" }).fill("7692 WINDOW");
  assert.deepEqual(await visibleCases(page), ["r1.PD-7.2-01.1"]);
  await page.getByRole("searchbox", { name: "Text" }).fill("no case says this");
  assert.equal(await status.textContent(), "0 of 8 cases");
});

test("a link shows a case that is folded or filtered out", async (t) => {
  const page = await open(t, `${url}#r1.PD-7.2-01.1`);
  await page.locator("#r1\\.PD-7\\.2-01\\.1").getByText("< distance 256").waitFor();
  await page.getByRole("checkbox", { name: "Tolerated" }).uncheck();
  await page.evaluate(() => (location.hash = "r2.WS-5.4-01.1"));
  await page.locator("#r2\\.WS-5\\.4-01\\.1").getByText("TCP ended without a Close frame").waitFor();
  assert.equal(await page.getByRole("status").textContent(), "8 cases");
});

test("without its script all is there, and the filter is not", async (t) => {
  const page = await open(t, url, { context: { javaScriptEnabled: false } });
  await page.getByText("a text message came instead").waitFor();
  assert.equal(await page.getByRole("search").count(), 0);
  await page.getByText("DEFLATE payloads").locator("visible=true").last().click();
  await page.getByText("No message looks back further").locator("visible=true").waitFor();
});

test("the keyboard reaches a case and unfolds it", async (t) => {
  const page = await open(t, url);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the results");
  await page.keyboard.press("Enter");
  const passed = page.locator("#r1\\.WS-5\\.4-01\\.2 > summary");
  for (let i = 0; i < 40 && !(await passed.evaluate((summary) => summary === document.activeElement)); i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("#r1\\.WS-5\\.4-01\\.2").getByText('> text "Hello" split 2').waitFor();
});

test("it fits a narrow window", async (t) => {
  const page = await open(t, url, { context: { viewport: { width: 360, height: 800 } } });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
});

test("its policy lets nothing else in", async (t) => {
  const page = await open(t, url, { expect: /Content.Security.Policy/ });
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
    return "ran" in window;
  });
  assert.equal(ran, false);
  assert.match(readFileSync(file, "utf8"), /default-src &#39;none&#39;|default-src 'none'/);
});
