// Asks for the page's parts again, and changes what differs. All that is shown is in the address, and all HTML is made
// by the server: this holds neither data nor templates.

const REFRESH_SECONDS = 5;
const TIMEOUT_SECONDS = 30;
const TYPING_SECONDS = 0.25;
const parts = document.getElementById("parts");
// Trusted, as the exporter escapes all values; the parser runs nothing, and the policy of the document would refuse it.
const policy = window.trustedTypes?.createPolicy("page", { createHTML: (html) => html }) ?? { createHTML: (html) => html };

let etag = "";
let received = Date.now();
let timer = 0;
let request = new AbortController();

async function refresh({ isNew = false } = {}) {
  request.abort();
  const own = (request = new AbortController());
  const timeout = setTimeout(() => own.abort(), TIMEOUT_SECONDS * 1000);
  try {
    const query = new URLSearchParams(location.search);
    query.set("part", "1");
    const headers = etag && !isNew ? { "If-None-Match": etag } : {};
    const response = await fetch(`?${query}`, { headers, signal: own.signal, cache: "no-store" });
    if (response.status !== 304) {
      if (!response.ok) throw new Error(`The exporter answered ${response.status}`);
      show(await response.text(), isNew);
      etag = response.headers.get("ETag") ?? "";
    }
    received = Date.now();
  } catch (error) {
    if (own === request) disconnected(error.name === "Error" ? error.message : "The exporter does not answer");
  } finally {
    clearTimeout(timeout);
    if (own === request) later();
  }
}

function later() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(refresh, REFRESH_SECONDS * 1000);
}

function show(html, isNew) {
  const caption = () => document.getElementById("caption")?.textContent ?? "";
  const before = caption();
  const next = new DOMParser().parseFromString(policy.createHTML(html), "text/html").getElementById("parts");
  const focused = document.activeElement;
  morph(parts, next);
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  if (isNew) for (const field of document.querySelectorAll("#filters :is(input, select)")) reset(field);
  if (caption() !== before) document.getElementById("announcement").textContent = caption();
}

// What a link has changed; a refresh leaves what somebody is typing.
function reset(field) {
  if (field.tagName === "SELECT") field.value = field.querySelector("[selected]")?.value ?? "";
  else if (field !== document.activeElement) field.value = field.getAttribute("value") ?? "";
}

// Makes `old` equal to `next`, and keeps every element that is in both, so that focus and scroll positions stay.
function morph(old, next) {
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value && !(name === "open" && old.tagName === "DETAILS")) old.setAttribute(name, value);
  }
  const byId = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  const wanted = new Set([...next.children].map((child) => child.id).filter(Boolean));
  let place = old.firstChild;
  for (const node of [...next.childNodes]) {
    // An element that is to come later stays, until its turn.
    while (place?.id && wanted.has(place.id) && place.id !== node.id && !node.id) place = place.nextSibling;
    const same = node.id ? byId.get(node.id) : place && !place.id && place.nodeName === node.nodeName ? place : null;
    if (!same) {
      old.insertBefore(document.importNode(node, true), place);
      continue;
    }
    if (same === place) place = place.nextSibling;
    else old.insertBefore(same, place);
    if (same.nodeType !== Node.ELEMENT_NODE) {
      if (same.data !== node.data) same.data = node.data;
    } else if (!same.isEqualNode(node)) morph(same, node);
  }
  while (place) {
    const rest = place.nextSibling;
    place.remove();
    place = rest;
  }
}

function disconnected(reason) {
  etag = "";
  const banner = document.getElementById("connection");
  banner.dataset.tone = "bad";
  banner.querySelector("p").textContent =
    `◆ ${reason}; what you see is from ${new Date(received).toISOString().slice(11, 19)}`;
}

function go(address, { isTyping = false } = {}) {
  if (isTyping) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  refresh({ isNew: !isTyping });
}

function filter(isTyping) {
  const query = new URLSearchParams(new FormData(document.getElementById("filters")));
  for (const [name, value] of [...query]) if (!value.trim()) query.delete(name);
  go(`?${query}`, { isTyping });
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Without TLS there is no clipboard: select the command, for the keys of the browser.
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    return;
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copy(button);
  const row = event.target.closest?.("#objects > tbody > tr:not(.detail)");
  const anchor = event.target.closest?.("a") ?? (getSelection().isCollapsed ? row?.querySelector("a[aria-expanded]") : null);
  if (!anchor?.getAttribute("href").startsWith("?")) return;
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  // Expanding is no step of the browser's history: Back leads to the list before.
  go(anchor.getAttribute("href"), { isTyping: anchor.hasAttribute("aria-expanded") });
  if (anchor.closest("#pages")) document.getElementById("objects").scrollIntoView();
});

let typing = 0;
document.addEventListener("input", (event) => {
  if (!event.target.closest("#filters")) return;
  clearTimeout(typing);
  if (event.target.type === "search") typing = setTimeout(filter, TYPING_SECONDS * 1000, true);
  else filter(false);
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  filter(false);
});
addEventListener("popstate", () => refresh({ isNew: true }));
document.addEventListener("visibilitychange", () => (document.hidden ? later() : refresh()));

document.documentElement.dataset.script = "";
later();
