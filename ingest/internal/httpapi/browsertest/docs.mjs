// Opens /docs of the real server in a real browser, without any network but the
// server itself: "Try it out" on POST /publish answers stored, then duplicate.
//
//   npm ci && node docs.mjs ../../../../bin/ingest [folder for screenshots]
//
// Wants chromium (CHROMIUM names it; default /usr/bin/chromium).

import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [binary, shots] = process.argv.slice(2);
assert(binary, "usage: node docs.mjs <ingest binary> [folder for screenshots]");

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(executablePath)) {
  console.error(`no browser at ${executablePath}: apt-get install chromium, or say where it is: CHROMIUM=/path/to/chromium`);
  process.exit(1);
}

// start runs the server on a port and a Postgres of its own.
async function start() {
  const data = mkdtempSync(join(tmpdir(), "ingot-browser-"));
  chmodSync(data, 0o755); // run by root, Postgres is somebody else
  const env = { ...process.env };
  delete env.DATABASE_URL;
  const server = spawn(binary, ["--listen=127.0.0.1:0", `--data-dir=${data}`], { env, stdio: ["ignore", "inherit", "pipe"] });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const stop = async () => {
    server.kill("SIGTERM");
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
  for await (const line of createInterface({ input: server.stderr })) {
    const open = /"open":"(http:[^"]+)\/"/.exec(line);
    if (open) {
      server.stderr.resume();
      return { url: open[1], stop };
    }
    console.error(line);
  }
  await stop();
  throw new Error("the server did not start");
}

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
  browser = await chromium.launch({
    executablePath,
    args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
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

  assert.deepEqual(elsewhere, [], "something was asked of another host");
  assert.deepEqual(complaints, [], "the browser complained");
  console.log("ok: stored, then duplicate; nothing asked of another host; no complaint");
} finally {
  await browser?.close();
  await server.stop();
}
