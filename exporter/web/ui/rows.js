// The rows of the table. A row stays the same element while its object exists, so that a refresh keeps the focus,
// the scroll position and what is expanded; its cells change only if its object did.

const COLUMNS = ["name", "namespace", "state", "finding", "progress", "age"];

const rows = new Map();
const answers = new Map();

function renderRows(items) {
  const focused = document.activeElement;
  const body = byId("objects").tBodies[0];
  const wanted = items.map((item) => renderRow(item));
  const keys = new Set(items.map(keyOf));
  for (const [key, row] of rows) {
    if (!keys.has(key)) {
      row.element.remove();
      row.detail?.remove();
      rows.delete(key);
    }
  }
  const elements = wanted.flatMap((row) => [row.element, row.detail].filter(Boolean));
  // Rows of the server, which this script replaces.
  for (const element of [...body.children]) if (!elements.includes(element)) element.remove();
  elements.forEach((element, index) => {
    if (body.children[index] !== element) body.insertBefore(element, body.children[index] ?? null);
  });
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

function renderRow(item) {
  const key = keyOf(item);
  const row = rows.get(key) ?? newRow(key);
  const text = JSON.stringify(item);
  if (row.text !== text) {
    row.text = text;
    row.item = item;
    fill(row);
  }
  if (openKeys().includes(key)) renderPanel(row);
  return row;
}

function newRow(key) {
  const button = h("button", { type: "button", "aria-expanded": "false" });
  const cells = COLUMNS.map((name) => h("td", { class: name, role: "cell" }));
  const row = { key, button, cells, element: h("tr", { role: "row" }, cells), detail: null, text: "", panelText: "" };
  row.element.addEventListener("click", (event) => {
    const isLink = event.target.closest("a") !== null;
    const isSelecting = !getSelection().isCollapsed;
    if (!isLink && (event.target.closest("button") || !isSelecting)) toggle(row);
  });
  rows.set(key, row);
  return row;
}

function fill({ item, button, cells, element }) {
  const [name, namespace, state, finding, way, age] = cells;
  element.dataset.tone = SEVERITY_TONES[item.severity] ?? "none";
  button.replaceChildren(item.name);
  if (button.parentElement !== name) name.replaceChildren(button, " ", h("span", { class: "kind" }, item.kind));
  namespace.replaceChildren(item.namespace);
  namespace.title = item.namespace;
  const since = item.since ? [" ", h("span", { class: "muted" }, "for ", ageFrom(item.since))] : [];
  state.replaceChildren(stateWord(item.state), ...since);
  finding.replaceChildren(...firstFinding(item));
  way.replaceChildren(progress(item));
  age.replaceChildren(item.createdAt ? ageFrom(item.createdAt) : "");
}

function firstFinding({ findings = [] }) {
  if (!findings.length) return [];
  const more = findings.length > 1 ? [h("span", { class: "muted" }, ` and ${findings.length - 1} more`)] : [];
  return [h("span", { class: "sentence" }, findings[0].sentence), ...more];
}

function toggle(row) {
  const isOpen = row.detail !== null;
  setOpen(isOpen ? openKeys().filter((key) => key !== row.key) : [...openKeys(), row.key]);
  if (isOpen) close(row);
  else renderPanel(row);
  // The eleventh expanded row closes the first.
  for (const other of rows.values()) if (other.detail && !openKeys().includes(other.key)) close(other);
  if (!isOpen) fetchDetails(request.signal).catch(() => {}); // the next refresh asks again, and shows why not
}

function close(row) {
  row.detail.remove();
  row.detail = null;
  row.panelText = "";
  row.button.setAttribute("aria-expanded", "false");
  row.button.removeAttribute("aria-controls");
}

let panels = 0;

function renderPanel(row) {
  const answer = answers.get(row.key);
  if (!row.detail) {
    row.detail = h("tr", { class: "detail", role: "row", id: `panel-${++panels}` },
      h("td", { colspan: String(COLUMNS.length), role: "cell" }));
    row.element.after(row.detail);
    row.button.setAttribute("aria-expanded", "true");
    row.button.setAttribute("aria-controls", row.detail.id);
  }
  const text = JSON.stringify([row.item, answer && { ...answer, time: "" }]);
  if (row.panelText === text) return;
  row.panelText = text;
  keepingFocus(row.detail, () => row.detail.firstChild.replaceChildren(panel(row.item, answer)));
}

// The same link has the focus after the panel was replaced, and tables stay scrolled.
function keepingFocus(element, replace) {
  const focusable = () => [...element.querySelectorAll("a, .scroll")];
  const before = focusable();
  const index = before.indexOf(document.activeElement);
  const scrolled = before.map((one) => [one.scrollLeft, one.scrollTop]);
  replace();
  focusable().forEach((one, position) => one.scrollTo(...(scrolled[position] ?? [0, 0])));
  if (index >= 0) focusable()[index]?.focus({ preventScroll: true });
}
