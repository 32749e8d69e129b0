// Elements. Values become text nodes and attributes, never markup: names and messages contain text of other programs.

const SVG = "http://www.w3.org/2000/svg";

function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== ""));
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

// Replaces the text only if it differs: a selection and a screen reader's position stay.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A time that counts up: `now.js` renews its text.
function ageFrom(time) {
  return h("span", { "data-from": time, title: time }, duration(now() - seconds(time)));
}

function moment(time) {
  return h("time", { datetime: time, title: time }, clockTime(time));
}

function stateWord(state) {
  return h("span", { class: "word", "data-tone": tone(state) }, h("span", { class: "dot", "aria-hidden": "true" }), state);
}

// An address of this page or of another site. Anything else, such as javascript:, is shown as text.
function link(address, text, attributes) {
  if (address.startsWith("?")) return h("a", { href: address, ...attributes }, text);
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url || !["http:", "https:"].includes(url.protocol)) return document.createTextNode(text);
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer", ...attributes }, text);
}
