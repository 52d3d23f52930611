// Opens /docs of the real server in a real browser, without any network but the
// server itself: "Try it out" on POST /publish answers stored, then duplicate.
//
//   npm ci && node docs.mjs ../../../../bin/ingest [folder for screenshots]
//
// Wants chromium (CHROMIUM names it; default /usr/bin/chromium).

import { join } from "node:path";
import assert from "node:assert/strict";
import { launch, shots, start } from "./house.mjs";

async function tryItOut(page, shot) {
  const publish = page.locator("#operations-events-publish");
  await publish.locator(".opblock-summary").first().click();
  await publish.getByRole("button", { name: "Try it out" }).click();
  const answers = [];
  for (let i = 0; i < 2; i++) {
    const answered = page.waitForResponse((r) => r.request().method() === "POST" && r.url().endsWith("/publish"));
    await publish.getByRole("button", { name: "Execute" }).click();
    const response = await answered;
    assert.equal(response.status(), 200);
    const status = JSON.parse(await response.text()).status;
    // What the page shows, not only what came over the wire.
    const shown = publish.locator(".live-responses-table .response-col_description .microlight, .live-responses-table .response-col_description pre").first();
    await shown.getByText(status).first().waitFor();
    answers.push(status);
    await publish.locator(".live-responses-table").scrollIntoViewIfNeeded();
    await shot(status);
  }
  return answers;
}

const server = await start();
let browser;
try {
  browser = await launch();
  const context = await browser.newContext({ viewport: { width: 1200, height: 1000 }, colorScheme: "light" });
  const elsewhere = [];
  await context.route("**/*", (route) => {
    const url = route.request().url();
    if (url.startsWith(server.url + "/") || url.startsWith("data:")) return route.continue();
    elsewhere.push(url);
    return route.abort();
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(String(e)));
  const shot = (name) => shots && page.screenshot({ path: join(shots, `docs-${name}.png`) });

  await page.goto(server.url + "/docs");
  await page.locator("#operations-events-publish").waitFor();
  await shot("page");
  assert.deepEqual(await tryItOut(page, shot), ["stored", "duplicate"]);
  assert.equal(await page.locator("img[src*=validator], a[href*=validator]").count(), 0, "a validator badge");

  await page.locator("#operations-events-events .opblock-summary").first().click();
  await page.locator("#operations-events-events").getByRole("button", { name: "Try it out" }).click();
  await page.locator("#operations-events-events").getByRole("button", { name: "Execute" }).click();
  await page.locator("#operations-events-events .live-responses-table").getByText("payment-processed").first().waitFor();
  await shot("events");

  // The examples of one operation serve the next: what was published is read without a word typed.
  const one = page.locator("#operations-events-event");
  await one.locator(".opblock-summary").first().click();
  await one.getByRole("button", { name: "Try it out" }).click();
  await one.getByRole("button", { name: "Execute" }).click();
  await one.locator(".live-responses-table").getByText("payment-service").first().waitFor();

  assert.deepEqual(elsewhere, [], "something was asked of another host");
  assert.deepEqual(complaints, [], "the browser complained");
  console.log("ok: stored, then duplicate; nothing asked of another host; no complaint");
} finally {
  await browser?.close();
  await server.stop();
}
