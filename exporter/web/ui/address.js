// The address of the page holds everything that is shown, so that it can be sent to somebody else:
// the API's parameters, and `open` for each expanded object. The server understands the same parameters.

const PAGE_SIZE = 100;
const FILTERS = ["kind", "namespace", "name", "state", "healthy"];
const PARAMETERS = [...FILTERS, "sort", "continue"];

function shown() {
  return new URLSearchParams(location.search);
}

// The present address with other values; without `continue`, as another list begins on its first page.
function changed(values) {
  const parameters = shown();
  for (const [name, value] of Object.entries({ continue: "", ...values })) {
    parameters.delete(name);
    if (value) parameters.set(name, value);
  }
  return `?${parameters}`;
}

function listAddress() {
  const parameters = new URLSearchParams({ limit: PAGE_SIZE });
  for (const name of PARAMETERS) {
    for (const value of shown().getAll(name).filter(Boolean)) parameters.append(name, value);
  }
  return `api/v1/objects?${parameters}`;
}

function objectAddress(key) {
  const [kind, namespace, ...name] = key.split("/");
  return `api/v1/objects/${[kind, namespace, name.join("/")].map(encodeURIComponent).join("/")}`;
}

function keyOf({ kind, namespace, name }) {
  return [kind, namespace, name].join("/");
}

function addressOf(item) {
  return `?${new URLSearchParams({ kind: item.kind, namespace: item.namespace, name: item.name, open: keyOf(item) })}`;
}

const MOST_OPEN = 10;

function openKeys() {
  return shown().getAll("open").slice(-MOST_OPEN);
}

// Expanding is no step of the browser's history: Back leads to the list before.
function setOpen(keys) {
  const parameters = shown();
  parameters.delete("open");
  for (const key of keys.slice(-MOST_OPEN)) parameters.append("open", key);
  history.replaceState(history.state, "", `?${parameters}`);
}
