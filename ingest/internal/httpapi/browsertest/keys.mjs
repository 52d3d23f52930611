// A server with keys in a real browser: what a visitor types when the browser asks for a password serves pages,
// fetch and EventSource, which can set no header; "Authorize" of /docs takes the key as well.
//
//   npm ci && node keys.mjs ../../../../bin/ingest

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";
import { launch, newKey, shots, start } from "./house.mjs";

const folder = mkdtempSync(join(tmpdir(), "ingot-keys-"));
const file = join(folder, "keys");
const reader = newKey(file, "reader", "read");
const sender = newKey(file, "sender", "publish");

const server = await start(`--keys-file=${file}`);
let browser;
try {
  browser = await launch();

  // The pages are there for anyone, the events are not. (A browser would wait for somebody to type.)
  assert.equal((await fetch(server.url + "/events")).status, 401);

  // "Authorize", then "Try it out".
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(server.url + "/docs");
  await stranger.getByRole("button", { name: "Authorize" }).first().click();
  const bearer = stranger.locator(".auth-container").filter({ hasText: "bearer" });
  await bearer.locator("input").fill(sender);
  await bearer.getByRole("button", { name: "Apply credentials" }).click();
  if (shots) await stranger.screenshot({ path: join(shots, "keys-authorize.png") });
  await stranger.locator(".close-modal, .btn-done").first().click();
  const publish = stranger.locator("#operations-events-publish");
  await publish.locator(".opblock-summary").first().click();
  await publish.getByRole("button", { name: "Try it out" }).click();
  const answered = stranger.waitForResponse((r) => r.request().method() === "POST" && r.url().endsWith("/publish"));
  await publish.getByRole("button", { name: "Execute" }).click();
  assert.equal((await answered).status(), 200, "the key given to Authorize");

  // The key as a password, whatever the name.
  const context = await browser.newContext({ httpCredentials: { username: "anybody", password: reader } });
  const page = await context.newPage();
  await page.goto(server.url + "/");
  assert.equal(await page.evaluate(async () => (await fetch("/events")).status), 200);
  assert.equal(await page.evaluate(async () => (await fetch("/stats")).status), 403);
  const topic = await page.evaluate(() => new Promise((resolve, reject) => {
    const source = new EventSource("/events/stream?after=beginning");
    source.onmessage = (m) => { source.close(); resolve(JSON.parse(m.data).topic); };
    source.onerror = () => reject(new Error("the EventSource has failed"));
  }));
  assert.equal(topic, "payment-processed");
  console.log("ok: a key as a password serves fetch and EventSource; Authorize of /docs takes it");
} finally {
  await browser?.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
