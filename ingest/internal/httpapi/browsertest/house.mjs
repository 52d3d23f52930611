// What the tests in a browser share: a server of their own, and the browser.

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

export const [binary, shots] = process.argv.slice(2);
assert(binary, "usage: node docs.mjs (or another page) <ingest binary> [folder for screenshots]");

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
if (!existsSync(executablePath)) {
  console.error(`no browser at ${executablePath}: apt-get install chromium, or say where it is: CHROMIUM=/path/to/chromium`);
  process.exit(1);
}

// start runs the server on a port and a Postgres of its own.
export async function start(...flags) {
  const data = mkdtempSync(join(tmpdir(), "ingot-browser-"));
  chmodSync(data, 0o755); // run by root, Postgres is somebody else
  const env = { ...process.env };
  delete env.DATABASE_URL;
  const server = spawn(binary, ["--listen=127.0.0.1:0", `--data-dir=${data}`, ...flags], { env, stdio: ["ignore", "inherit", "pipe"] });
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
      return { url: open[1], stop, signal: (name) => server.kill(name) };
    }
    console.error(line);
  }
  await stop();
  throw new Error("the server did not start");
}

// launch opens the browser, which asks nobody on its own account.
export function launch(...flags) {
  return chromium.launch({
    executablePath,
    args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", ...flags],
  });
}

// newKey makes a key and its line in a file. Flags, such as --topics=orders, may be among the rights.
export function newKey(file, name, ...rights) {
  return execFileSync(binary, ["key", name, ...rights, `--keys-file=${file}`], { stdio: ["ignore", "pipe", "ignore"] }).toString().trim();
}
