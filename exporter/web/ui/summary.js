// Figures of the whole fleet, kinds, filters and pages: everything but the table.

const WAITING = ["New", "Initializing", "Waiting", "Retrying"];
const KINDS = { RayCluster: "Clusters", RayJob: "Jobs", RayService: "Services", RayCronJob: "Cron jobs" };

function renderSummary(summary, time) {
  const states = (kind) => summary.kinds[kind]?.states ?? {};
  const sum = (kind, names) => names.reduce((total, name) => total + (states(kind)[name] ?? 0), 0);
  const total = (kind) => summary.kinds[kind]?.total ?? 0;
  const failed = (summary.jobsByHour ?? []).reduce((all, hour) => all + (hour.failed ?? 0), 0);
  const unhealthy = Object.values(summary.kinds).reduce((all, kind) => all + kind.unhealthy, 0);
  const figures = [
    ["With findings", amount(unhealthy), unhealthy ? "warn" : "good"],
    ["Jobs running", amount(sum("RayJob", ["Running"])), ""],
    ["Jobs waiting", amount(sum("RayJob", WAITING)), ""],
    ["Jobs failed in 24 h", amount(failed), failed ? "bad" : ""],
    ["Clusters ready", `${amount(sum("RayCluster", ["Ready"]))} of ${amount(total("RayCluster"))}`, ""],
    ["Services ready", `${amount(sum("RayService", ["Ready", "Upgrading"]))} of ${amount(total("RayService"))}`, ""],
    ["GPUs ready", `${amount(summary.gpus?.ready ?? 0)} of ${amount(summary.gpus?.requested ?? 0)}`, ""],
  ];
  byId("figures").replaceChildren(...figures.map(([name, value, tone]) =>
    h("div", {}, h("dt", {}, name), h("dd", { "data-tone": tone || null }, value))));
  byId("ended-jobs").replaceChildren(...endedJobs(summary.jobsByHour ?? [], time));
  byId("summary").hidden = false;
}

function renderKinds(summary) {
  const kind = shown().get("kind") ?? "";
  const all = Object.values(summary.kinds).reduce((sum, { total }) => sum + total, 0);
  const tabs = [["", "All", all], ...Object.entries(KINDS).filter(([name]) => name in summary.kinds)
    .map(([name, text]) => [name, text, summary.kinds[name].total])];
  const links = tabs.map(([name, text, total]) => h("a",
    { href: changed({ kind: name, state: "" }), "aria-current": name === kind ? "page" : null },
    text, " ", h("span", { class: "count" }, amount(total))));
  replaceLinks(byId("kinds"), links);
}

// Not if they are the same: a click on a link that is replaced while the button is down has no effect.
function replaceLinks(element, links) {
  if (element.innerHTML === links.map((one) => one.outerHTML).join("")) return;
  const index = [...element.children].indexOf(document.activeElement);
  element.replaceChildren(...links);
  if (index >= 0) element.children[index]?.focus({ preventScroll: true });
}

function renderFilters(answer) {
  const states = new Set(Object.entries(answer.summary.kinds)
    .filter(([kind]) => [null, "", kind].includes(shown().get("kind"))).flatMap(([, { states: all }]) => Object.keys(all)));
  const select = document.querySelector("#filters select");
  const wanted = ["", ...[...states, ...shown().getAll("state").filter(Boolean)].sort()];
  const names = [...new Set(wanted)];
  if (names.join() !== [...select.options].map((option) => option.value).join()) {
    select.replaceChildren(...names.map((name) => h("option", { value: name }, name || "all")));
  }
  if (document.activeElement !== select) select.value = shown().get("state") ?? "";
  const list = byId("namespaces");
  const known = new Set([...list.options].map((option) => option.value));
  for (const name of new Set(answer.items.map((item) => item.namespace))) {
    if (!known.has(name)) list.append(h("option", { value: name }));
  }
}

// What the address says, in the fields, except in the one that is being edited.
function showFilters() {
  const { elements } = byId("filters");
  for (const name of ["name", "namespace", "state"]) {
    if (document.activeElement !== elements[name]) elements[name].value = shown().get(name) ?? "";
  }
  elements.healthy.checked = shown().get("healthy") === "false";
  byId("clear").hidden = ![...FILTERS].some((name) => name !== "kind" && shown().get(name));
  byId("clear").href = `?${new URLSearchParams([["kind", shown().get("kind") ?? ""]].filter(([, kind]) => kind))}`;
  for (const heading of document.querySelectorAll("#objects > thead th[data-sort]")) {
    const isSorted = (shown().get("sort") || "severity") === heading.dataset.sort;
    const order = ["severity", "created"].includes(heading.dataset.sort) ? "descending" : "ascending";
    heading.setAttribute("aria-sort", isSorted ? order : "none");
    heading.querySelector("a").href = changed({ sort: heading.dataset.sort === "severity" ? "" : heading.dataset.sort });
  }
}

function renderPages(answer) {
  const isFirst = !shown().get("continue");
  const first = isFirst ? null : h("a", { href: changed({}) }, "First page");
  const next = answer.continue ? h("a", { href: changed({ continue: answer.continue }) }, "Next page") : null;
  replaceLinks(byId("pages"), [first, next].filter(Boolean));
  setText(byId("caption"), countText(answer, isFirst));
}

function countText({ total, items }, isFirst) {
  const objects = plural(total, "object");
  if (items.length === total) return objects;
  return `${isFirst ? "First " : ""}${amount(items.length)} of ${objects}`;
}
