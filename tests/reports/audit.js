// What a reader's software would stumble over: returns a list of complaints.
const complaints = [];

function parse(colour) {
  const parts = colour.match(/[\d.]+/g).map(Number);
  return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function background(element) {
  for (let at = element; at; at = at.parentElement) {
    const { rgb, alpha } = parse(getComputedStyle(at).backgroundColor);
    if (alpha === 1) return rgb;
  }
  return [255, 255, 255];
}

function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

// Every text that shows, against the first opaque background behind it.
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const seen = new Set();
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || seen.has(element)) continue;
  seen.add(element);
  if (element.closest("script, style, noscript") || !element.getClientRects().length) continue;
  const style = getComputedStyle(element);
  const inSvg = element instanceof SVGElement;
  const found = contrast(parse(inSvg ? style.fill : style.color).rgb, background(element));
  const disabled = element.closest(":disabled");
  if (found < 4.5 && !disabled && element.tagName !== "title") {
    complaints.push(`contrast ${found.toFixed(2)}: ${element.tagName} ${element.textContent.slice(0, 40)}`);
  }
}

// Every line that is drawn, which needs less than a text.
for (const line of document.querySelectorAll("svg path")) {
  const style = getComputedStyle(line);
  if (parseFloat(style.strokeWidth) < 1.5 || style.stroke === "none") continue;
  const found = contrast(parse(style.stroke).rgb, background(line));
  if (found < 3 || style.strokeOpacity !== "1") complaints.push(`contrast ${found.toFixed(2)}: a line of ${line.closest("section").id}`);
}

// Headings go down one level at a time.
let level = 0;
for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
  const now = Number(heading.tagName[1]);
  if (now > level + 1) complaints.push(`heading: ${heading.tagName} after H${level}: ${heading.textContent}`);
  level = now;
}

for (const mark of ["header", "nav[aria-label]", "main", "footer"]) {
  if (document.querySelectorAll(mark).length !== 1) complaints.push(`landmark: ${mark}`);
}
for (const field of document.querySelectorAll("input, select, button")) {
  const named = field.getAttribute("aria-label") || (field.labels && field.labels.length) || field.textContent.trim();
  if (!named || (field.tagName === "SELECT" && !field.getAttribute("aria-label") && !field.labels.length)) {
    complaints.push(`no name: ${field.outerHTML.slice(0, 80)}`);
  }
}
for (const svg of document.querySelectorAll("svg")) {
  if (svg.getAttribute("role") !== "img" || !svg.getAttribute("aria-label")) complaints.push("an svg without a name");
}
for (const table of document.querySelectorAll("table")) {
  if (!table.caption || !table.caption.textContent.trim()) complaints.push("a table without a caption");
  if (!table.querySelector("th[scope]")) complaints.push("a table without headings");
}
if (document.documentElement.scrollWidth > window.innerWidth) {
  complaints.push(`the body scrolls: ${document.documentElement.scrollWidth} of ${window.innerWidth}`);
}
return complaints;
