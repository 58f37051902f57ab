"use strict";
// Helpers of the other scripts: elements, numbers, choices, colours. Text is always inserted as text,
// so that no name can become markup.

const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const DARK = window.matchMedia("(prefers-color-scheme: dark)");

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function shape(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function percent(value, decimals = 1) {
  return value === null ? "–" : (100 * value).toFixed(decimals);
}

function pValue(value) {
  if (value === null) return "–";
  return value >= 0.001 ? value.toFixed(3) : value.toExponential(1);
}

function integer(value) {
  return value === null ? "–" : value.toLocaleString("en-US");
}

function cellName(cell) {
  return [cell.task, cell.encoder, cell.method].filter(Boolean).join(", ");
}

// A labelled select element with options `names`; calls `changed` with the index at each change.
function choice(label, names, changed) {
  const select = make("select", {}, ...names.map((name, row) => make("option", { value: row }, name)));
  select.addEventListener("change", () => changed(Number(select.value)));
  return make("label", {}, label, select);
}

// Fill a section that shows one of several things: a select element above a container.
function chooser(section, label, things, name, fillContainer) {
  const mount = document.querySelector(`#${section} .mount`);
  if (!things.length) {
    mount.append(make("p", {}, "Nothing to show."));
    return;
  }
  const container = make("div");
  const show = (row) => {
    container.replaceChildren();
    fillContainer(container, things[row]);
  };
  const controls = make("div", { class: "controls" });
  if (things.length > 1) controls.append(choice(label, things.map(name), show));
  else mount.append(make("h3", {}, name(things[0])));
  mount.append(controls, container);
  show(0);
}

// A picture that is drawn at its current width, and redrawn when that or the colour scheme changes.
function picture(label, drawAt) {
  const container = make("div");
  const whole = make("div", { class: "picture" }, container, saveButton("svg", label, () => asSvg(container.querySelector("svg"))));
  let width = 0;
  const redraw = () => {
    if (!width) return;
    const svg = drawAt(width);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    container.replaceChildren(svg);
  };
  new ResizeObserver(([entry]) => {
    const now = Math.min(900, Math.floor(entry.contentRect.width));
    if (now === width) return;
    width = now;
    window.requestAnimationFrame(redraw);
  }).observe(container);
  DARK.addEventListener("change", redraw);
  whole.redraw = redraw;
  return whole;
}

function numbers(options) {
  const details = make("details", {}, make("summary", {}, "The numbers"));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(dataTable(options()));
  });
  return details;
}

// Five colours of cividis: lightness increases evenly, also in grey and for colour-blind readers.
const SCALE = [[0, 34, 78], [67, 78, 108], [125, 124, 120], [188, 174, 108], [254, 232, 56]];

function tint(share) {
  const position = Math.max(0, Math.min(1, share)) * (SCALE.length - 1);
  const low = Math.min(SCALE.length - 2, Math.floor(position));
  return SCALE[low].map((part, band) => Math.round(part + (SCALE[low + 1][band] - part) * (position - low)));
}

// Black or white, whichever has more contrast (WCAG 2): they meet at a luminance of 0.179.
function onTint(rgb) {
  const [red, green, blue] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

function methodColour(method) {
  return DATA.styles[method][DARK.matches ? "dark" : "light"];
}

function dashes(lengths, width) {
  return lengths.length ? lengths.map((length) => length * width).join(" ") : null;
}

const MARKERS = {
  o: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", s: "M-4,-4h8v8h-8z", "^": "M0,-5L5,4H-5z", v: "M0,5L5,-4H-5z",
  D: "M0,-5L5,0L0,5L-5,0z", "<": "M-5,0L4,-5V5z", ">": "M5,0L-4,-5V5z", h: "M-5,0L-2,-4H2L5,0L2,4H-2z",
  P: "M-2,-5h4v3h3v4h-3v3h-4v-3h-3v-4h3z", X: "M-5,-3L-3,-5L0,-2L3,-5L5,-3L2,0L5,3L3,5L0,2L-3,5L-5,3L-2,0z",
  "*": "M0,-6L1.5,-2H6L2.3,1L3.7,5.5L0,2.8L-3.7,5.5L-2.3,1L-6,-2H-1.5z",
};
