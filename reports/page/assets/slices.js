// Slices: the scores of a cell's trials against each of its settings, one small picture for each.

const MOST_STEPS = 12;

// The positions of values, 0 to 1: evenly spaced, or by size if there are many numbers.
function spacing(values) {
  const numbers = values.map(Number);
  if (values.length <= MOST_STEPS || numbers.some((value) => !Number.isFinite(value))) {
    return values.map((_, step) => (values.length > 1 ? step / (values.length - 1) : 0.5));
  }
  const wide = numbers[0] > 0 && numbers.at(-1) / numbers[0] > 50;
  const at = wide ? numbers.map(Math.log) : numbers;
  return at.map((value) => (value - at[0]) / (at.at(-1) - at[0]));
}

function slices(container, cell) {
  const panels = make("div", { class: "panels" });
  cell.axes.forEach((axis, column) => {
    const label = `${cell.metric} on ${cell.split} against ${axis.name}, ${cellName(cell)}`;
    panels.append(make("figure", { class: "slice" }, picture(label, (width) => sliceChart(width, cell, axis, column))));
  });
  container.append(panels, make("p", { class: "note" },
    `Each dot is a trial; the line joins the means. ${cell.metric} on ${cell.split}, in percent. A click opens the trial.`));
}

function sliceChart(width, cell, axis, column) {
  const height = 200;
  const [low, high] = [cell.scores.at(-1), cell.scores[0]];
  const rows = ticks(100 * low, 100 * high, 4);
  const box = { left: 46, right: width - 14, top: 22, bottom: height - 22 };
  const positions = spacing(axis.values);
  const toX = (step) => box.left + 12 + positions[step] * (box.right - box.left - 24);
  const toY = (score) => box.bottom - 6 - (high > low ? (score - low) / (high - low) : 0.5) * (box.bottom - box.top - 12);
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  for (const tick of rows) svg.append(shape("line", { class: "grid", x1: box.left, x2: box.right, y1: toY(tick / 100), y2: toY(tick / 100) }),
    shape("text", { x: box.left - 6, y: toY(tick / 100) + 4, "text-anchor": "end" }, String(Number(tick.toPrecision(6)))));
  svg.append(shape("path", { class: "axis", d: `M${box.left},${box.top}V${box.bottom}H${box.right}` }),
    shape("text", { x: 2, y: 12, "font-weight": 650 }, axis.name));
  const most = Math.max(1, Math.floor((box.right - box.left) / (8 * Math.max(...axis.values.map((text) => text.length)) + 6)));
  const every = Math.ceil(axis.values.length / most);
  axis.values.forEach((text, step) => {
    if (step % every === 0) svg.append(shape("text", { x: toX(step), y: height - 6, "text-anchor": "middle" }, text));
  });
  const groups = axis.values.map((_, step) => cell.scores.filter((__, row) => cell.places[row][column] === step));
  const means = groups.map((scores, step) => [step, scores.reduce((sum, score) => sum + score, 0) / scores.length]).filter(([, mean]) => Number.isFinite(mean));
  const dots = shape("g", { fill: methodColour(cell.method), "fill-opacity": 0.55 });
  cell.trials.forEach((trial, row) => {
    const spread = axis.values.length <= MOST_STEPS ? ((row * 7) % 11) - 5 : 0; // so that equal values do not hide each other
    const dot = shape("circle", { cx: toX(cell.places[row][column]) + spread, cy: toY(cell.scores[row]), r: 3.5, "data-trial": trial });
    dot.addEventListener("click", () => openTrial(cell, row));
    dots.append(card(dot, () => trialEntries(cell, row)));
  });
  svg.append(shape("path", { fill: "none", stroke: methodColour(cell.method), "stroke-width": 2,
    d: `M${means.map(([step, mean]) => `${toX(step).toFixed(1)},${toY(mean).toFixed(1)}`).join("L")}` }), dots);
  return svg;
}
