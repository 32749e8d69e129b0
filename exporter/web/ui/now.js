// The exporter's clock, so that ages are right in a browser whose clock is not.

let serverSeconds = Date.now() / 1000;
let receivedAt = performance.now();

function setNow(time) {
  serverSeconds = seconds(time);
  receivedAt = performance.now();
}

function now() {
  return serverSeconds + (performance.now() - receivedAt) / 1000;
}

function renewAges() {
  for (const element of document.querySelectorAll("[data-from]")) {
    setText(element, duration(now() - seconds(element.dataset.from)));
  }
}
