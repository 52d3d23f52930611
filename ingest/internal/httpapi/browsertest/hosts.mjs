// A server of this machine only, and a browser for which another name has come to mean this machine (DNS rebinding): its
// pages would be of one site with the server.
//
//   npm ci && node hosts.mjs ../../../../bin/ingest

import assert from "node:assert/strict";
import { launch, start } from "./house.mjs";

const server = await start("--allowed-hosts=ingot.example");
let browser;
try {
  browser = await launch("--host-resolver-rules=MAP *.example 127.0.0.1");
  const page = await browser.newPage();
  const { port } = new URL(server.url);
  const wanted = { "127.0.0.1": 200, localhost: 200, "ingot.example": 200, "evil.example": 421 };
  for (const [host, status] of Object.entries(wanted)) {
    const answer = await page.goto(`http://${host}:${port}/`);
    assert.equal(answer.status(), status, host);
    const fetched = await page.evaluate(async () => (await fetch("/events", { headers: { Accept: "application/json" } })).status);
    assert.equal(fetched, status, `/events, asked by a page of ${host}`);
  }
  console.log("ok: no page of another name reads what a server of this machine has");
} finally {
  await browser?.close();
  await server.stop();
}
