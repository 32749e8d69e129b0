// Links to other programs. Their addresses are set by --web-link-… and arrive in <meta name="link-…">.

function pageLink(name) {
  return document.querySelector(`meta[name="link-${name}"]`)?.content ?? "";
}

// The address with its {placeholders}; "" if the object lacks a value for one of them.
function expanded(template, values) {
  let isComplete = template !== "";
  const address = template.replace(/\{(\w+)\}/g, (_, name) => {
    isComplete &&= Boolean(values[name]);
    return encodeURIComponent(values[name] ?? "");
  });
  return isComplete ? address : "";
}

function clusterOf(item) {
  const details = item.details ?? {};
  if (item.kind === "RayCluster") return item.name;
  return details.rayCluster ?? details.active?.rayCluster ?? details.pending?.rayCluster;
}

function linksOf(item) {
  const values = { kind: item.kind, namespace: item.namespace, name: item.name, cluster: clusterOf(item) };
  const links = [["Ray dashboard", "dashboard"], ["Grafana", "grafana"]]
    .map(([text, name]) => [text, expanded(pageLink(name), values)])
    .filter(([, address]) => address).map(([text, address]) => h("li", {}, link(address, text)));
  return [links.length ? h("ul", { class: "links" }, links) : null, h("pre", {}, commands(item, values.cluster))];
}

// What a person would type next. The name of a cluster comes from a status, which can contain any text.
function commands({ kind, namespace, name }, cluster) {
  const lines = [`kubectl -n ${quoted(namespace)} describe ${kind.toLowerCase()} ${quoted(name)}`];
  if (cluster) lines.push(`kubectl -n ${quoted(namespace)} get pods -l ${quoted(`ray.io/cluster=${cluster}`)}`);
  return lines.join("\n");
}

function quoted(word) {
  return /^[\w.=/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
