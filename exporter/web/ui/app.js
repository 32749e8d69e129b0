// Requests, and what starts them: the page refreshes itself while it is visible.

const REFRESH_SECONDS = 5;
const TIMEOUT_SECONDS = 30;
const TYPING_SECONDS = 0.25;

// By address: of the list that is shown, and of each expanded object.
const etags = new Map();
let lastAnswer = null;
let updatedAt = null;
let timer = 0;
let request = new AbortController();

class AnswerError extends Error {}

// The answer's document; null if it is the one that was received before.
async function get(address, signal) {
  const headers = etags.has(address) ? { "If-None-Match": etags.get(address) } : {};
  const response = await fetch(address, { headers, signal, cache: "no-store" });
  if (response.status === 304) return null;
  const document_ = await response.json().catch(() => ({}));
  if (!response.ok) throw new AnswerError(document_.error ?? `the exporter answered ${response.status}`);
  etags.set(address, response.headers.get("ETag") ?? "");
  return document_;
}

async function refresh() {
  request.abort();
  const own = (request = new AbortController());
  const timeout = setTimeout(() => own.abort(), TIMEOUT_SECONDS * 1000);
  try {
    const answer = await get(listAddress(), own.signal);
    if (answer) render(answer);
    await fetchDetails(own.signal);
    connected(await readiness(own.signal));
  } catch (error) {
    if (own === request) disconnected(error);
  } finally {
    clearTimeout(timeout);
    if (own === request) later();
  }
}

function later() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(refresh, REFRESH_SECONDS * 1000);
}

async function fetchDetails(signal) {
  const keys = openKeys().filter((key) => rows.has(key));
  for (const key of answers.keys()) if (!openKeys().includes(key)) forget(key);
  await Promise.all(keys.map(async (key) => {
    const answer = await get(objectAddress(key), signal).catch((error) => {
      if (error instanceof AnswerError) return null; // deleted in between: the next list shows it
      throw error;
    });
    if (answer) answers.set(key, answer);
    if (rows.get(key)?.detail) renderPanel(rows.get(key));
  }));
}

function forget(key) {
  answers.delete(key);
  etags.delete(objectAddress(key));
}

function render(answer) {
  const isFirst = lastAnswer === null;
  const before = byId("caption").textContent;
  lastAnswer = answer;
  setNow(answer.time);
  renderSummary(answer.summary, answer.time);
  renderKinds(answer.summary);
  renderFilters(answer);
  showFilters();
  renderPages(answer);
  renderRows(answer.items);
  byId("objects").dataset.kind = shown().get("kind") ?? "";
  if (!isFirst && byId("caption").textContent !== before) setText(byId("announcement"), byId("caption").textContent);
}

// "ok", or "ok, without" kinds that cannot be listed.
async function readiness(signal) {
  const response = await fetch("readyz", { signal, cache: "no-store" });
  return (await response.text()).trim();
}

function connected(ready) {
  updatedAt = performance.now();
  setText(byId("message"), lastAnswer.total ? "" : "No object matches.");
  showConnection(ready === "ok" ? "good" : "warn", ready === "ok" ? "Up to date" : ready.replace(/^ok/, "Up to date"));
}

function disconnected(error) {
  const since = updatedAt === null ? "" : `, the table is ${duration((performance.now() - updatedAt) / 1000)} old`;
  const reason = error instanceof AnswerError ? error.message : "the exporter does not answer";
  if (!(error instanceof AnswerError) || updatedAt === null) etags.clear();
  showConnection("bad", `${reason}${since}`);
  if (lastAnswer === null || error instanceof AnswerError) setText(byId("message"), reason);
}

function showConnection(tone, text) {
  byId("connection").dataset.tone = tone;
  setText(byId("connection-text"), text);
}

// Another list: the same page with another address, unless the browser should open it elsewhere.
function go(address, { isTyping = false } = {}) {
  etags.delete(listAddress());
  if (isTyping) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  showFilters();
  refresh();
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest?.("a[href^='?']");
  if (!anchor || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(anchor.getAttribute("href"));
  if (anchor.closest("#pages")) byId("objects").scrollIntoView();
});

let typing = 0;

function filter(isTyping) {
  const { elements } = byId("filters");
  const values = { name: elements.name.value.trim(), namespace: elements.namespace.value.trim(), state: elements.state.value };
  go(changed({ ...values, healthy: elements.healthy.checked ? "false" : "", open: "" }), { isTyping });
}

byId("filters").addEventListener("input", (event) => {
  clearTimeout(typing);
  if (event.target.type === "search") typing = setTimeout(filter, TYPING_SECONDS * 1000, true);
  else filter(false);
});
byId("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  filter(false);
});
addEventListener("popstate", () => {
  etags.clear();
  showFilters();
  refresh();
});
document.addEventListener("visibilitychange", () => (document.hidden ? later() : refresh()));
setInterval(renewAges, 1000);

document.documentElement.dataset.script = "";
refresh();
