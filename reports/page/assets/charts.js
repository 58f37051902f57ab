// Heatmaps and importances as coloured tables; budgets and training curves as line charts.

function scoreRange(cells) {
  const values = cells.flat(4).filter((value) => value !== null);
  return [Math.min(...values), Math.max(...values)];
}

function heatmaps(container, cell) {
  const map = cell.heatmap;
  const [low, high] = scoreRange(map.scores);
  const panels = make("div", { class: "panels" });
  const show = (page) => panels.replaceChildren(
    ...map.scores[page].map((rows, panel) => heatPanel(map, rows, map.counts[page][panel], panel, low, high)));
  if (map.page) {
    const names = map.page.values.map((value) => `${map.page.name} = ${value}`);
    const control = choice(`Page, by ${map.page.name}`, names, show);
    container.append(make("div", { class: "controls" }, control));
    const best = map.scores.findIndex((page) => page.flat(3).includes(high));
    control.querySelector("select").value = best;
    show(best);
  } else show(0);
  const mean = map.averaged.length ? ` Each number is a mean over ${map.averaged.join(", ")}.` : "";
  container.append(panels, make("p", { class: "note" },
    `${cell.metric} on ${cell.split}, in percent, from ${percent(low)} to ${percent(high)}.${mean}`));
}

function heatPanel(map, rows, counts, panel, low, high) {
  const title = map.panel ? `${map.panel.name} = ${map.panel.values[panel]}` : `${map.x.name}${map.y ? ` and ${map.y.name}` : ""}`;
  const corner = map.y ? `${map.y.name} \\ ${map.x.name}` : map.x.name;
  const head = make("tr", {}, make("th", { scope: "col" }, corner),
    ...map.x.values.map((value) => make("th", { scope: "col" }, value)));
  const body = rows.map((row, y) => make("tr", {},
    make("th", { scope: "row" }, map.y ? map.y.values[y] : "score"),
    ...row.map((value, x) => heatCell(value, counts[y][x], low, high, [
      [map.x.name, map.x.values[x]], ...(map.y ? [[map.y.name, map.y.values[y]]] : []), ...(map.panel ? [[map.panel.name, map.panel.values[panel]]] : [])]))));
  return scrolling(title, make("table", { class: "heat" }, make("caption", {}, title),
    make("thead", {}, head), make("tbody", {}, ...body)));
}

function heatCell(value, count, low, high, names) {
  if (value === null) return make("td", { class: "none", title: "no finished trial" }, "–");
  const colour = tint(high > low ? (value - low) / (high - low) : 1);
  const best = value === high;
  const cell = card(make("td", { class: best ? "best" : null }, percent(value) + (best ? " ★" : "")), () => [...names,
    ["score", percent(value, 2)], ["trials", count]]);
  cell.style.backgroundColor = `rgb(${colour.join(",")})`;
  cell.style.color = onTint(colour);
  return cell;
}

function importances(container, cell) {
  const found = cell.importance;
  if (found.reason) {
    container.append(make("p", {}, found.reason));
    return;
  }
  const bar = (share, hatched) => {
    const fill = make("i");
    fill.style.width = `calc(${Math.max(0, share)} * (100% - 4.2rem))`;
    return make("div", { class: hatched ? "bar hatched" : "bar" }, fill, `${(100 * share).toFixed(1)} %`);
  };
  const caption = `${cellName(cell)}: shares of the variance, by ${found.evaluator}; `
    + `the scores have a standard deviation of ${(100 * found.spread).toFixed(2)} points`;
  const columns = [{ title: "axis" }, { title: "alone", show: (share) => bar(share, false) }];
  const interactions = { title: "with interactions", show: (share) => bar(share, true) };
  if (found.shares.some((share) => share[2] !== null)) columns.push(interactions);
  container.append(dataTable({ caption, search: false, rows: found.shares, columns }));
}

function ticks(low, high, most) {
  const raw = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((part) => part * power).find((size) => size >= raw);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high + step / 1e6; at += 1) found.push(at * step);
  return found;
}

// series: {name, colour, dash, marker, x, y, low, high}; a band is drawn if there are low and high.
// The legend is above the plot and adds to the height; a letter is assumed to be 7 px wide.
function lineChart(width, { series, logX, xLabel, yLabel, show, yRange }) {
  const xs = series.flatMap((one) => one.x);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const [y0, y1] = yRange;
  const rows = ticks(y0, y1, 5);
  const room = (texts) => 7 * Math.max(...texts.map((text) => text.length));
  const entry = 58 + room(series.map((one) => one.name));
  const across = Math.max(1, Math.floor(width / entry));
  const legend = 18 * Math.ceil(series.length / across);
  const height = legend + Math.min(360, Math.max(220, width * 0.55));
  const box = { left: Math.max(46, 14 + room(rows.map(show))), right: width - 16, top: 20 + legend, bottom: height - 36 };
  const at = logX ? Math.log : (value) => value;
  const toX = (x) => box.left + (x1 > x0 ? (at(x) - at(x0)) / (at(x1) - at(x0)) : 0.5) * (box.right - box.left);
  const toY = (y) => box.bottom - (y1 > y0 ? (y - y0) / (y1 - y0) : 0.5) * (box.bottom - box.top);
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  for (const y of rows) svg.append(
    shape("line", { class: "grid", x1: box.left, x2: box.right, y1: toY(y), y2: toY(y) }),
    shape("text", { x: box.left - 6, y: toY(y) + 4, "text-anchor": "end" }, show(y)));
  const wanted = logX ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] : ticks(x0, x1, Math.min(8, width / 60));
  for (const x of wanted.filter((value) => value >= x0 && value <= x1 && Number.isInteger(value))) svg.append(
    shape("line", { class: "axis", x1: toX(x), x2: toX(x), y1: box.bottom, y2: box.bottom + 4 }),
    shape("text", { x: toX(x), y: box.bottom + 17, "text-anchor": "middle" }, String(x)));
  svg.append(shape("path", { class: "axis", d: `M${box.left},${box.top}V${box.bottom}H${box.right}` }),
    shape("text", { x: box.right, y: height - 4, "text-anchor": "end" }, xLabel),
    shape("text", { x: 2, y: 10 + legend }, yLabel));
  const path = (one, ys) => one.x.map((x, row) => `${toX(x).toFixed(1)},${toY(Math.max(y0, Math.min(y1, ys[row]))).toFixed(1)}`);
  for (const one of series.filter((other) => other.low)) svg.append(shape("path", { fill: one.colour, "fill-opacity": 0.13,
    stroke: one.colour, "stroke-opacity": 0.45,
    d: `M${path(one, one.high).join("L")}L${path(one, one.low).reverse().join("L")}Z` }));
  series.forEach((one, row) => {
    const stroke = { fill: "none", stroke: one.colour, "stroke-width": 2, "stroke-dasharray": dashes(one.dash, 2) };
    svg.append(shape("path", { ...stroke, d: `M${path(one, one.y).join("L")}` }));
    const every = Math.ceil(one.x.length / 12);
    one.x.forEach((x, index) => {
      if (index % every && index !== one.x.length - 1) return;
      if (one.y[index] === null) return;
      svg.append(card(shape("path", { fill: one.colour, d: MARKERS[one.marker],
        transform: `translate(${toX(x)},${toY(one.y[index])})` }),
      () => [["curve", one.name], [xLabel, x], [yLabel, show(one.y[index])], ...(one.entries || [])]));
    });
    const [x, y] = [2 + entry * (row % across), 12 + 18 * Math.floor(row / across)];
    svg.append(shape("path", { ...stroke, d: `M${x},${y - 4}h34` }),
      shape("path", { fill: one.colour, d: MARKERS[one.marker], transform: `translate(${x + 17},${y - 4})` }),
      shape("text", { x: x + 42, y }, one.name));
  });
  return svg;
}

function budgets(container, one) {
  for (const reason of one.refused) container.append(make("p", {}, reason));
  if (!one.curves.length) return;
  // Only the baseline and the best other method have bands: more overlapping bands are hard to tell apart.
  const banded = one.curves.map((curve, row) => row).filter((row) => one.banded.includes(one.curves[row].method));
  const all = one.curves.flatMap((curve) => [...curve.expected]);
  const pad = Math.max(0.01, (Math.max(...all) - Math.min(...all)) * 0.6);
  const yRange = [Math.min(...all) - pad, Math.min(1, Math.max(...all) + pad)];
  const label = `Expected best ${one.metric} on ${one.split} of n settings: ` + one.curves.map((curve) =>
    `${curve.method} from ${percent(curve.expected[0])} at 1 to ${percent(curve.expected.at(-1))} at ${curve.n.at(-1)}`).join("; ");
  container.append(make("figure", {}, picture(label, (width) => lineChart(width, {
    logX: true, xLabel: "settings", yLabel: `${one.metric} on ${one.split}, %`, show: (y) => percent(y), yRange,
    series: one.curves.map((curve, row) => ({ name: curve.method, x: curve.n, y: curve.expected,
      ...(banded.includes(row) ? { low: curve.low, high: curve.high } : {}), colour: methodColour(curve.method), dash: DATA.styles[curve.method].dashes,
      marker: DATA.styles[curve.method].marker })),
  })), make("figcaption", {}, `Bands of ${one.banded.filter(Boolean).join(" and ")}: ${percent(one.level, 0)} %, simultaneous for all n, cut off at the edge.`)),
  numbers(() => ({ caption: label, columns: [{ title: "method", filter: true }, { title: "settings", number: true },
    ...["expected best", "low", "high"].map((title) => ({ title, number: true, show: (y) => percent(y, 2) }))],
  rows: one.curves.flatMap((curve) => curve.n.map((n, row) =>
    [curve.method, n, curve.expected[row], curve.low[row], curve.high[row]])) })));
}

const LOOKS = [["o", []], ["s", [5, 2]], ["^", [1, 2]], ["D", [6, 2, 1, 2]], ["v", [2, 2]], ["P", [8, 3]]];

function trainingCurves(container, curve) {
  const colour = () => methodColour(curve.method);
  const known = (values) => values.filter((value) => value !== null);
  const draw = (named, yLabel, show) => {
    const values = known(Object.values(named).flat());
    if (!values.length) return;
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = high > low ? 0 : Math.abs(low) / 2 || 1;
    const range = [low - room, high + room];
    const label = `${yLabel} by epoch: ` + Object.entries(named).map(([name, ys]) =>
      `${name} from ${show(known(ys)[0])} to ${show(known(ys).at(-1))}`).join("; ");
    container.append(make("figure", {}, picture(label, (width) => lineChart(width, { xLabel: "epoch", yLabel, show,
      yRange: range, series: Object.entries(named).map(([name, ys], row) => ({ name, colour: colour(),
        marker: LOOKS[row % LOOKS.length][0], dash: LOOKS[row % LOOKS.length][1],
        x: curve.epochs.filter((_, epoch) => ys[epoch] !== null), y: known(ys) })) }))));
  };
  draw(curve.losses, "mean training loss", (value) => value.toPrecision(3));
  draw(curve.norms, "mean norm of the attack", (value) => value.toPrecision(3));
  draw({ [`${curve.metric} on ${curve.split}`]: curve.scores }, "%", (value) => percent(value));
  const means = { ...curve.losses, ...curve.norms };
  const names = Object.keys(means);
  container.append(numbers(() => ({ caption: `Epochs of ${curve.trial}`, search: false,
    columns: [{ title: "epoch", number: true }, ...names.map((title) => ({ title, number: true,
      show: (value) => (value === null ? "–" : value.toPrecision(4)) })),
    { title: curve.metric, number: true, show: (value) => percent(value, 2) }],
    rows: curve.epochs.map((epoch, row) => [epoch, ...names.map((name) => means[name][row]), curve.scores[row]]) })));
}
