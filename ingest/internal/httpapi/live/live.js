// Shows what /stats and the newest page of /events say, every two seconds while somebody looks. It asks for
// pages, not for the stream: a page is bounded, however much is published.
"use strict";

const every = 2000; // milliseconds. A guess: figures that move, for two cheap readings
const topicsShown = 10;
const eventsShown = 10;
const payloadShown = 300; // characters
const keyWanted = "this page needs a key that may read and watch, for all topics; open it in a private window to be asked for another key";

const element = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en");
let before; // the totals of the reading before, and when it was
let timer;

// exact keeps the digits of a number that JavaScript has no number for, where the browser can.
const exact = JSON.rawJSON && ((_, value, { source }) => (typeof value === "number" ? JSON.rawJSON(source) : value));

async function read(path, reviver) {
  const answer = await fetch(path, { cache: "no-store" });
  if (answer.ok) return JSON.parse(await answer.text(), reviver);
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? `${path} answers ${answer.status}`), { status: answer.status });
}

// say changes the words only if they are others: a screen reader would read them out again.
function say(words) {
  if (element("state").textContent !== words) element("state").textContent = words;
}

function fail(words) {
  before = undefined;
  element("rate").value = "…"; // the totals stay what they were, but nobody knows of now
  say(words);
}

// shown escapes what turns a text around: else a name could look like another.
const shown = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, (c) => "\\u" + c.charCodeAt(0).toString(16));

const cut = (text) => (text.length > payloadShown ? text.slice(0, payloadShown) + "…" : text);

function row(cells) {
  const tr = document.createElement("tr");
  for (const text of cells) {
    const td = tr.appendChild(document.createElement("td"));
    td.textContent = td.title = shown(text);
  }
  return tr;
}

function showStats(stats, now) {
  const seconds = before && (now - before.now) / 1000;
  element("rate").value = seconds ? count(Math.max(0, Math.round((stats.unique_processed - before.stored) / seconds))) : "…";
  before = { now, stored: stats.unique_processed };
  element("stored").value = count(stats.unique_processed);
  element("duplicates").value = count(stats.duplicate_dropped);
  element("invalid").value = count(stats.rejected);
  element("waiting").value = count(stats.queue.queued_events);
  element("streams").value = count(stats.feed.streams);
  const topics = Object.entries(stats.topics).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const rows = topics.slice(0, topicsShown).map(([name, n]) => row([name, count(n)]));
  if (topics.length > topicsShown) rows.push(row(["and others", ""]));
  element("topics").replaceChildren(...rows);
}

function showEvents(events) {
  element("events").replaceChildren(...events.map((e) =>
    row([e.received_at, e.topic, e.source, cut(JSON.stringify(e.payload))])));
}

async function look() {
  timer = undefined;
  if (document.hidden) return; // visibilitychange begins again
  const late = setTimeout(fail, 2 * every, "no answer yet"); // not given up: it may be the browser that waits, for a key
  try {
    const [stats, page] = await Promise.all([read(`/stats?topics=${topicsShown + 1}`), read(`/events?limit=${eventsShown}`, exact)]);
    showStats(stats, performance.now());
    showEvents(page.events);
    element("now").hidden = false;
    say(page.events.length ? "" : "no event yet; the command at the end of this page sends one");
  } catch (e) {
    fail(e instanceof TypeError ? "the server does not answer" : e.status === 403 ? `${keyWanted} (${e.message})` : e.message);
    if (e.status === 401 || e.status === 403) { // to ask again by itself would make the browser ask for a key again and again
      element("begin").hidden = false;
      return;
    }
  } finally {
    clearTimeout(late);
  }
  timer ??= setTimeout(look, every);
}

function begin() {
  element("begin").hidden = true;
  look();
}

document.addEventListener("visibilitychange", () => {
  if (!element("begin").hidden) return;
  clearTimeout(timer);
  before = undefined;
  look();
});
element("begin").addEventListener("click", begin);
element("origin").textContent = location.origin;
element("live").hidden = false;
if (element("live").dataset.keys === "yes") {
  element("begin").hidden = false; // a page that asks for a password unasked is no welcome
} else {
  begin();
}
