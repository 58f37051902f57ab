// Parallel coordinates: an axis per setting and one for the score; ranges are dragged or selected.

const MOST_LINES = 400;

// The trials that are drawn: all, or MOST_LINES evenly spaced in the ranking.
function lineRows(count) {
  if (count <= MOST_LINES) return Array.from({ length: count }, (_, row) => row);
  return Array.from({ length: MOST_LINES }, (_, row) => Math.round((row * (count - 1)) / (MOST_LINES - 1)));
}

// The median of the scores of `rows`, which are in order of rank.
function median(scores, rows) {
  const half = (rows.length - 1) / 2;
  return (scores[rows[Math.floor(half)]] + scores[rows[Math.ceil(half)]]) / 2;
}

function parallel(container, cell) {
  const [low, high] = [cell.scores.at(-1), cell.scores[0]];
  const columns = cell.axes.map((axis, column) => ({
    name: axis.name, most: axis.values.length - 1, text: (at) => axis.values[Math.round(at)],
    at: (row) => cell.places[row][column], steps: axis.values, whole: true }));
  const deciles = Array.from({ length: 11 }, (_, part) => low + ((high - low) * part) / 10);
  columns.push({ name: cell.metric, most: 10, text: (at) => percent(low + ((high - low) * at) / 10),
    at: (row) => (high > low ? (10 * (cell.scores[row] - low)) / (high - low) : 5),
    steps: high > low ? deciles.map((score) => percent(score, 2)) : [percent(high, 2)] });
  const ranges = columns.map((column) => [0, column.most]);
  const inside = (row) => columns.every((column, c) =>
    column.at(row) >= ranges[c][0] - 1e-9 && column.at(row) <= ranges[c][1] + 1e-9);
  const lines = lineRows(cell.trials.length);
  const status = make("p", { role: "status" });
  const best = make("div");

  const view = picture(`Parallel coordinates of ${cell.trials.length} trials of ${cellName(cell)}; the ranges below filter them`,
    (width) => parallelChart(width, cell, columns, ranges, lines, inside, changed));
  const ends = columns.map((column, c) => rangeChoice(column, ranges[c], () => changed()));
  const reset = make("button", { type: "button", onclick: () => {
    columns.forEach((column, c) => { ranges[c][0] = 0; ranges[c][1] = column.most; });
    changed();
  } }, "All trials");

  function changed() {
    ends.forEach((end) => end.update());
    const rows = cell.trials.map((_, row) => row).filter(inside);
    status.textContent = `${integer(rows.length)} of ${integer(cell.trials.length)} trials are within; `
      + (rows.length ? `best ${percent(cell.scores[rows[0]], 2)}, median ${percent(median(cell.scores, rows), 2)}` : "none");
    best.replaceChildren(dataTable({ caption: "The best ten within the ranges", search: false,
      columns: trialColumns(cell), rows: rows.slice(0, 10).map((row) => trialRow(cell, row)) }));
    view.redraw();
  }

  container.append(make("figure", {}, view), make("div", { class: "controls" }, ...ends.map((end) => end.element), reset), status, best);
  if (lines.length < cell.trials.length) container.append(make("p", { class: "note" },
    `Drawn: ${lines.length} of ${integer(cell.trials.length)} trials, evenly spaced in the ranking.`));
  changed();
}

function rangeChoice(column, range, changed) {
  const options = () => column.steps.map((text, step) => make("option", { value: step }, text));
  const selects = ["from", "to"].map((end, side) => make("select", { "aria-label": `${column.name} ${end}`,
    onchange: (event) => {
      range[side] = Number(event.target.value);
      if (range[0] > range[1]) range[1 - side] = range[side];
      changed();
    } }, ...options()));
  return {
    element: make("fieldset", {}, make("legend", {}, column.name), ...selects),
    update: () => {
      selects[0].value = Math.ceil(range[0] - 1e-9);
      selects[1].value = Math.floor(range[1] + 1e-9);
    },
  };
}

function parallelChart(width, cell, columns, ranges, lines, inside, changed) {
  const height = 300;
  const side = Math.min(48, width / 8);
  // Names that would touch alternate between two lines; a letter is assumed to be 8 px wide.
  const crowded = 8 * Math.max(...columns.map((column) => column.name.length)) > (width - 2 * side) / (columns.length - 1);
  const [top, bottom] = [crowded ? 48 : 34, height - 14];
  const toX = (c) => side + (columns.length > 1 ? (c * (width - 2 * side)) / (columns.length - 1) : 0);
  const toY = (c, at) => bottom - (columns[c].most ? at / columns[c].most : 0.5) * (bottom - top);
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const score = columns[columns.length - 1];
  const best = cell.trials.findIndex((_, row) => inside(row));
  const rows = best < 0 ? lines : [best, ...lines.filter((row) => row !== best)];
  for (const row of [...rows].reverse()) {
    const within = inside(row);
    const points = columns.map((column, c) => `${toX(c).toFixed(1)},${toY(c, column.at(row)).toFixed(1)}`);
    const share = (DARK.matches ? 0.4 : 0) + 0.06 * score.at(row); // a contrast of 3:1 with the background
    svg.append(card(shape("path", { d: `M${points.join("L")}`, "data-trial": cell.trials[row], class: row === best ? "best" : within ? "kept" : "dropped", fill: "none",
      stroke: row === best ? "var(--best)" : within ? `rgb(${tint(share).join(",")})` : "currentColor" }),
    () => trialEntries(cell, row)));
  }
  columns.forEach((column, c) => {
    const end = c === 0 ? "start" : c === columns.length - 1 ? "end" : "middle";
    const labelX = c === 0 ? 2 : c === columns.length - 1 ? width - 2 : toX(c);
    svg.append(shape("line", { class: "axis", x1: toX(c), x2: toX(c), y1: top, y2: bottom }),
      shape("text", { x: labelX, y: crowded && c % 2 ? 28 : 14, "text-anchor": end, "font-weight": 650 }, column.name));
    const marks = column === score ? [0, 5, 10] : column.steps.map((_, step) => step).filter((step, _, all) => all.length < 12 || step % Math.ceil(all.length / 12) === 0);
    for (const at of marks) svg.append(shape("text", { x: toX(c) + 4, y: toY(c, at) + 4, stroke: "var(--paper)", "stroke-width": 3, "paint-order": "stroke" }, column.text(at)));
    const band = shape("rect", { class: "brush", x: toX(c) - 9, width: 18 });
    const mark = (from, to) => fill(band, { y: toY(c, to) - 4, height: toY(c, from) - toY(c, to) + 8 }, []);
    if (ranges[c][0] > 0 || ranges[c][1] < column.most) mark(...ranges[c]);
    const handle = shape("rect", { class: "handle", x: toX(c) - 14, width: 28, y: top - 8, height: bottom - top + 16, "data-axis": column.name });
    const at = (event) => {
      const share = (bottom - (event.clientY - svg.getBoundingClientRect().top)) / (bottom - top);
      return Math.max(0, Math.min(1, share)) * column.most;
    };
    brush(handle, at, mark, (from, to) => {
      setRange(column, ranges[c], from, to);
      changed();
    }, changed);
    svg.append(band, handle);
  });
  return svg;
}

// Follow a drag along an axis: `mark` the range so far, then `finish` or `cancel`. The handle captures
// the pointer, so that the drag ends with it.
function brush(handle, at, mark, finish, cancel) {
  let start = null;
  const follow = (type, act) => handle.addEventListener(type, (event) => {
    if (start !== null && event.isPrimary) act(...[start, at(event)].sort((a, b) => a - b));
  });
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    start = at(event);
  });
  follow("pointermove", mark);
  follow("pointerup", finish);
  follow("pointercancel", cancel);
  // Dragging on a touch screen must not scroll the page; browsers differ on touch-action inside svg.
  handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  handle.addEventListener("lostpointercapture", () => { start = null; });
}

// Set the range to what was dragged over, at least one value; a click selects the whole axis.
function setRange(column, range, from, to) {
  const all = to - from < 0.03 * column.most;
  range[0] = all ? 0 : column.whole ? Math.ceil(from - 0.3) : from;
  range[1] = all ? column.most : column.whole ? Math.floor(to + 0.3) : to;
  if (range[0] > range[1]) range[0] = range[1] = Math.round((from + to) / 2);
}
