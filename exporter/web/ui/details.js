// The panel of an expanded row.

function panel(item, answer) {
  return h("div", { class: "panel" },
    section("Findings", (item.findings ?? []).map((finding) => findingOf(finding, item))),
    section("Details", essentials(item)),
    section("Stages", stages(item.details ?? {})),
    section("Related objects", related(answer?.related)),
    section("Links", linksOf(item)),
    section("Conditions", table("Conditions", ["Condition", "Status", "Since", "Reason"], answer?.conditions, conditionCells)),
    section("Pods", table("Pods", ["Pod", "Type", "Status", "Restarts", "Node", "Age"], answer?.pods, podCells)),
    section("Events", table("Events", ["Last seen", "Reason", "Object", "Count", "Message"], answer?.events, eventCells)),
    answer ? null : h("p", { class: "muted" }, "Loading …"));
}

const WIDE = ["Conditions", "Pods", "Events"];

function section(title, content) {
  const children = [content].flat().filter(Boolean);
  return children.length ? h("section", { class: WIDE.includes(title) ? "wide" : null }, h("h2", {}, title), children) : null;
}

function findingOf(finding, item) {
  const address = finding.runbook && pageLink("runbook") ? `${pageLink("runbook")}#${finding.runbook}` : null;
  return h("div", { class: "finding", "data-tone": SEVERITY_TONES[finding.severity] },
    h("p", {}, h("strong", {}, words(finding.severity)), " ", finding.sentence),
    finding.advice ? h("p", {}, finding.advice, " ", address ? link(address, "Runbook") : null) : null,
    finding.command ? h("p", {}, h("code", {}, finding.command)) : null,
    (finding.evidence ?? []).map((evidence) => h("p", { class: "evidence" },
      [evidenceName(evidence, item), evidence.field].filter(Boolean).join(" "),
      evidence.time ? [", ", ageFrom(evidence.time), " ago"] : null,
      evidence.message ? h("q", {}, evidence.message) : null)));
}

function evidenceName({ kind, name }, item) {
  return name && !(kind === item.kind && name === item.name) ? `${kind} ${name}` : "";
}

function stages({ timeline: steps = [], endTime }) {
  const end = endTime ?? new Date(now() * 1000).toISOString();
  if (steps.length < 2) return null;
  const entries = lasting(steps, end).map((step) => h("li", {}, stateWord(step.state), " ", moment(step.time),
    step.seconds ? ` for ${duration(step.seconds)}` : ""));
  return [timeline(steps, end), h("ol", { class: "stages" }, entries)];
}

function table(title, headings, entries, cells) {
  if (!entries?.length) return null;
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title },
    h("table", {},
      h("thead", {}, h("tr", {}, headings.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, entries.map((entry) => h("tr", {}, cells(entry).map((cell) => h("td", {}, cell)))))));
}

function conditionCells({ type, status, reason, time, message }) {
  return [type, status, time ? ageFrom(time) : "", [reason, message ? h("q", {}, message) : null]];
}

function podTone(status, ready) {
  if (ready || status === "Succeeded" || status === "Completed") return "good";
  return { Pending: "idle", ContainerCreating: "idle", Running: "warn" }[status] ?? "bad";
}

function podCells({ name, nodeType, group, status, ready, restarts = 0, node, createdAt, message }) {
  const type = [nodeType, nodeType === "worker" ? group : null].filter(Boolean).join(" ");
  const word = status === "Running" && ready === false ? "Running, not ready" : status;
  const state = h("span", { class: "word", "data-tone": podTone(status, ready) },
    h("span", { class: "dot", "aria-hidden": "true" }), word);
  return [name, type, [state, message ? h("q", {}, message) : null], String(restarts), node, createdAt ? ageFrom(createdAt) : ""];
}

function eventCells({ object, type, reason, message, count, lastTime }) {
  const word = type === "Warning" ? h("strong", { class: "warning" }, reason) : reason;
  return [lastTime ? [ageFrom(lastTime), " ago"] : "", word, `${object?.kind ?? ""} ${object?.name ?? ""}`, String(count ?? 1), message];
}

const HIDDEN_DETAILS = ["timeline", "durationSeconds", "active", "pending"];

function essentials(item) {
  const details = item.details ?? {};
  const entries = Object.entries(details).filter(([name]) => !HIDDEN_DETAILS.includes(name))
    .map(([name, value]) => [words(name), valueOf(name, value)]);
  const roles = ["active", "pending"].filter((role) => details[role])
    .map((role) => [`${words(role)} cluster`, roleText(details[role])]);
  const created = item.createdAt ? [["Created", moment(item.createdAt)]] : [];
  return h("dl", { class: "essentials" }, [...created, ...entries, ...roles].filter(([, value]) => value !== "")
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function roleText({ rayCluster, targetCapacity, trafficRoutedPercent, applications = [] }) {
  const shares = [
    targetCapacity == null ? "" : `capacity ${targetCapacity} %`,
    trafficRoutedPercent == null ? "" : `traffic ${trafficRoutedPercent} %`,
    ...applications.map(({ name, status, deployments = [] }) => [`${name}: ${status}`,
      deployments.map((one) => `${one.name} ${one.status}`).join(", ")].filter(Boolean).join(" – ")),
  ];
  return [rayCluster, ...shares].filter(Boolean).join(" · ");
}

// `activeDeadlineSeconds` is "Active deadline", as the value has its unit.
function words(name) {
  const text = name.replace(/(Seconds|Bytes)$/, "").replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  return (text.charAt(0).toUpperCase() + text.slice(1)).replace(/\bray\b/i, "Ray").replace(/\bid\b/, "ID");
}

function valueOf(name, value) {
  if (/(Time|At)$/.test(name) && typeof value === "string") return moment(value);
  if (/Seconds$/.test(name)) return duration(value);
  if (/Bytes$/.test(name)) return bytes(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return amount(value);
  if (typeof value !== "object") return String(value);
  return Object.entries(value).filter(([, part]) => part !== 0 || name === "workers").map(([key, part]) => `${key.replace("Bytes", "")} ${flat(valueOf(key, part))}`).join(" · ");
}

function flat(value) {
  return value instanceof Node ? value.textContent : value;
}

function related(entries) {
  if (!entries?.length) return null;
  return h("ul", { class: "related" }, entries.map((entry) => h("li", {},
    link(addressOf(entry), `${entry.kind} ${entry.name}`), " ", entry.state ? stateWord(entry.state) : null,
    entry.healthy === false ? h("span", { class: "muted" }, " with findings") : null)));
}
