// The page at / in a real browser: figures and events that move by themselves, nothing that a payload
// could make the page do, and no question for a key before somebody asks, nor a second one by itself.
//
//   npm ci && node live.mjs ../../../../bin/ingest [folder for screenshots]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";
import { launch, newKey, shots, start } from "./house.mjs";

const folder = mkdtempSync(join(tmpdir(), "ingot-live-"));
const file = join(folder, "keys");
newKey(file, "reader", "read", "watch");
const scoped = newKey(file, "shop", "read", "watch", "--topics=orders");

const hostile = "<img src=x onerror=document.title='broken'>";

async function publish(url, id, payload, topic = "clicks") {
  const body = `{"topic":"${topic}","event_id":"${id}","source":"shop","timestamp":"2026-01-01T00:00:00Z","payload":${payload}}`;
  const answer = await fetch(url + "/publish", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  assert.equal(answer.status, 200);
}

let browser, open, locked;
try {
  open = await start();
  locked = await start(`--keys-file=${file}`);
  browser = await launch();

  const page = await (await browser.newContext({ viewport: { width: 1000, height: 1200 } })).newPage();
  const complaints = [];
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(String(e)));
  page.on("request", (r) => r.url().startsWith(open.url + "/") || complaints.push("asked " + r.url()));
  await page.goto(open.url + "/");
  await page.locator("#now").waitFor();
  assert.equal(await page.locator("#stored").textContent(), "0");
  await page.getByText("no event yet; the command at the end of this page sends one").waitFor();
  assert.ok((await page.locator("pre").textContent()).startsWith(`curl -s ${open.url}/publish `), "a command for another server");

  await publish(open.url, "1", JSON.stringify({ text: hostile }));
  await publish(open.url, "1", "1");
  await publish(open.url, "2", `{"amount":12345678901234567890.00}`);
  await page.locator("#events").getByText("12345678901234567890.00").waitFor(); // by itself
  await page.locator("#events").getByText(hostile).waitFor();
  assert.equal(await page.locator("#stored").textContent(), "2");
  assert.equal(await page.locator("#duplicates").textContent(), "1");
  assert.equal(await page.locator("#topics tr").first().textContent(), "clicks2");
  assert.equal(await page.title(), "Ingot");
  await publish(open.url, "3", "3", "evil\\u202etxt.exe");
  await page.locator("#events").getByText("evil\\u202etxt.exe").waitFor(); // and not evilexe.txt
  if (shots) await page.screenshot({ path: join(shots, "live.png") });
  await page.setViewportSize({ width: 390, height: 844 });
  for (const cell of await page.locator("#events tr").first().locator("td").all()) {
    assert.ok((await cell.boundingBox()).width > 100, `no room for "${await cell.textContent()}"`);
  }
  if (shots) await page.screenshot({ path: join(shots, "live-phone.png"), fullPage: true });
  assert.deepEqual(complaints, [], "the browser complained");

  open.signal("SIGSTOP");
  await page.getByText("no answer yet").waitFor();
  assert.equal(await page.locator("#rate").textContent(), "…", "a figure of now, of a server that says nothing");
  open.signal("SIGCONT");
  await page.getByText("no answer yet").waitFor({ state: "detached" });
  await open.stop();
  await page.getByText("the server does not answer").waitFor();
  await page.close();
  open = undefined;

  const asked = [];
  const shy = await (await browser.newContext()).newPage();
  shy.on("request", (r) => asked.push(new URL(r.url()).pathname));
  await shy.goto(locked.url + "/");
  await shy.getByRole("button", { name: "asks for a key" }).waitFor();
  assert.deepEqual(asked, ["/", "/docs/live.js"]);

  const cancel = await (await browser.newContext()).newPage();
  let questions = 0;
  const devtools = await cancel.context().newCDPSession(cancel);
  devtools.on("Fetch.requestPaused", ({ requestId }) => devtools.send("Fetch.continueRequest", { requestId }));
  devtools.on("Fetch.authRequired", ({ requestId }) => {
    questions++;
    devtools.send("Fetch.continueWithAuth", { requestId, authChallengeResponse: { response: "CancelAuth" } });
  });
  await devtools.send("Fetch.enable", { handleAuthRequests: true });
  await cancel.goto(locked.url + "/");
  await cancel.getByRole("button", { name: "asks for a key" }).click();
  await cancel.getByText("a key is required").waitFor();
  const once = questions;
  await cancel.waitForTimeout(5000); // longer than it would wait to look again
  assert.equal(questions, once, "who has no key is asked for one again and again");
  await cancel.getByRole("button", { name: "asks for a key" }).waitFor();

  const few = await (await browser.newContext({ httpCredentials: { username: "anybody", password: scoped } })).newPage();
  await few.goto(locked.url + "/");
  await few.getByRole("button", { name: "asks for a key" }).click();
  await few.getByText("this page needs a key that may read and watch, for all topics; open it in a private window").waitFor();
  await few.getByRole("button", { name: "asks for a key" }).waitFor();

  console.log("ok: figures and events move by themselves, digits are kept, nothing runs; no key is asked for unasked, and one that is not enough is told");
} finally {
  await browser?.close();
  await open?.stop();
  await locked?.stop();
  rmSync(folder, { recursive: true, force: true });
}
