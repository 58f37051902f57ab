// Trials: a table with a column per setting, the dialog of a trial, and overlaid training curves.

const CURVES = new Map(DATA.curves.map((curve) => [curve.trial, curve]));
const MOST_CHOSEN = 12;
const chosen = new Map(); // trial -> its curve
const overlay = { redraw: () => {} };

function trialEntries(cell, row) {
  return [["trial", cell.trials[row]], ...cell.axes.map((axis, column) => [axis.name, axis.values[cell.places[row][column]]]),
    [`${cell.metric} on ${cell.split}`, percent(cell.scores[row], 2)], ["seconds", cell.seconds[row].toFixed(0)]];
}

// Every setting that varies in some cell, in the order of the cells.
function allAxes() {
  return [...new Set(DATA.cells.flatMap((cell) => cell.axes.map((axis) => axis.name)))];
}

function several(key) {
  return new Set(DATA.cells.map((cell) => cell[key])).size > 1;
}

function trials() {
  const axes = allAxes();
  const all = DATA.cells.flatMap((cell) => cell.trials.map((trial, row) => ({ cell, row, trial })));
  const where = new Map(all.map((one) => [one.trial, one]));
  const valueOf = ({ cell, row }, name) => {
    const column = cell.axes.findIndex((axis) => axis.name === name);
    return column < 0 ? null : settingValue(cell.axes[column].values[cell.places[row][column]]);
  };
  const written = new Map(DATA.cells.flatMap((cell) => cell.axes.flatMap((axis) => axis.values.map((text) => [settingValue(text), text]))));
  const seeds = DATA.cells.some((cell) => cell.seeds.some((count) => count > 1));
  const columns = [
    { title: "trial", kind: "code", value: (one) => one.trial, show: (trial) => make("button", { type: "button", class: "link",
      onclick: () => openTrial(where.get(trial).cell, where.get(trial).row) }, trial) },
    { title: "curve", plain: true, value: (one) => one.trial, show: (trial) => (CURVES.has(trial) ? pickBox(trial) : "–") },
    { title: "task", filter: true, value: (one) => one.cell.task },
    several("encoder") && { title: "encoder", filter: true, value: (one) => one.cell.encoder },
    { title: "method", filter: true, value: (one) => one.cell.method },
    { title: "score", number: true, value: (one) => one.cell.scores[one.row], show: (value) => percent(value, 2) },
    several("metric") && { title: "metric", filter: true, value: (one) => one.cell.metric },
    seeds && { title: "mean over seeds", number: true, value: (one) => one.cell.means[one.row], show: (value) => percent(value, 2) },
    seeds && { title: "seeds", number: true, value: (one) => one.cell.seeds[one.row], show: integer },
    ...axes.map((name) => ({ title: name, number: true, filter: true, value: (one) => valueOf(one, name), show: (value) => written.get(value) ?? "–" })),
    { title: "seconds", number: true, value: (one) => one.cell.seconds[one.row], show: (value) => value.toFixed(0) },
    several("split") && { title: "split", filter: true, value: (one) => one.cell.split },
  ].filter(Boolean);
  noteOmitted("trials", all.length);
  findMount("trials").append(dataTable({ caption: "Finished trials", columns, rows: all.map((one) => columns.map((column) => column.value(one))) }));
}

function pickBox(trial) {
  const box = make("input", { type: "checkbox", "aria-label": `Show the curve of ${trial}`, "data-trial": trial,
    onchange: () => pick(trial, box.checked) });
  box.checked = chosen.has(trial);
  return box;
}

function pick(trial, wanted) {
  if (wanted && chosen.size >= MOST_CHOSEN) chosen.delete(chosen.keys().next().value);
  if (wanted) chosen.set(trial, CURVES.get(trial));
  else chosen.delete(trial);
  document.querySelectorAll("input[data-trial]").forEach((box) => { box.checked = chosen.has(box.dataset.trial); });
  overlay.redraw();
}

const DIALOG = make("dialog", { id: "trial", "aria-labelledby": "trial-name" });
DIALOG.addEventListener("click", (event) => { if (event.target === DIALOG) DIALOG.close(); });

// Open the dialog of a trial: its settings, scores, curves, labels and confusions.
function openTrial(cell, row) {
  const curve = CURVES.get(cell.trials[row]);
  const body = make("div", {});
  DIALOG.replaceChildren(make("div", { class: "controls" }, make("h3", { id: "trial-name" }, `${cellName(cell)}: ${cell.trials[row]}`),
    make("button", { type: "button", onclick: () => DIALOG.close() }, "Close")), body);
  if (!DIALOG.isConnected) document.querySelector("#trials").append(DIALOG);
  DIALOG.showModal();
  const entries = [...trialEntries(cell, row).slice(1),
    ...(curve ? [["selected epoch", curve.epoch], ["finished", curve.finished.slice(0, 16).replace("T", " ")]] : [])];
  body.append(make("dl", { class: "facts" }, ...entries.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value))))));
  if (!curve) {
    body.append(make("p", { class: "note" }, "This page has the curves of the best trials of each cell; all curves are in the store."));
    return;
  }
  const metrics = [...new Set(Object.values(curve.metrics).flatMap(Object.keys))];
  body.append(dataTable({ caption: "Scores", search: false, columns: [{ title: "split" },
    ...metrics.map((title) => ({ title, number: true, show: (value) => percent(value, 2) }))],
  rows: Object.entries(curve.metrics).map(([split, scores]) => [split, ...metrics.map((name) => scores[name] ?? null)]) }));
  trainingCurves(body, curve);
  for (const [split, counts] of Object.entries(curve.counts)) labelTables(body, DATA.classes[curve.task], counts, split);
}

const MOST_LABELS = 12;

function labelTables(container, labels, { classes, confused }, split) {
  const share = (part, whole) => (whole ? part / whole : null);
  const rows = classes.map(([gold, predicted, right], label) => {
    const [precision, recall] = [share(right, predicted), share(right, gold)];
    return [labels[label], gold, predicted, precision, recall, gold + predicted ? (2 * right) / (gold + predicted) : null];
  });
  container.append(dataTable({ caption: `Labels on ${split}`, search: labels.length > MOST_LABELS, rows, columns: [{ title: "label" },
    { title: "examples", number: true, show: integer }, { title: "predicted", number: true, show: integer },
    ...["precision", "recall", "F1"].map((title) => ({ title, number: true, show: (value) => percent(value) }))] }));
  if (labels.length <= MOST_LABELS) container.append(confusionMatrix(labels, classes, confused, split));
  else container.append(dataTable({ caption: `Most frequent confusions on ${split}`, search: false,
    columns: [{ title: "gold" }, { title: "predicted" }, { title: "examples", number: true, show: integer }],
    rows: confused.map(([gold, predicted, count]) => [labels[gold], labels[predicted], count]) }));
}

// Each row is shaded by its shares and shows its counts.
function confusionMatrix(labels, classes, confused, split) {
  const counts = labels.map((_, gold) => labels.map((__, predicted) => (gold === predicted ? classes[gold][2] : 0)));
  for (const [gold, predicted, count] of confused) counts[gold][predicted] = count;
  const head = make("tr", {}, make("th", { scope: "col" }, "gold \\ predicted"), ...labels.map((label) => make("th", { scope: "col" }, label)));
  const body = counts.map((row, gold) => make("tr", {}, make("th", { scope: "row" }, labels[gold]), ...row.map((count, predicted) => {
    const share = classes[gold][0] ? count / classes[gold][0] : 0;
    const cell = card(make("td", {}, integer(count)), () => [["gold", labels[gold]], ["predicted", labels[predicted]],
      ["examples", integer(count)], ["share of gold", `${percent(share)} %`]]);
    const colour = tint(share);
    cell.style.backgroundColor = `rgb(${colour.join(",")})`;
    cell.style.color = onTint(colour);
    return cell;
  })));
  return scrolling(`Confusion matrix on ${split}`, make("table", { class: "heat" }, make("caption", {}, `Confusion matrix on ${split}`),
    make("thead", {}, head), make("tbody", {}, ...body)));
}

// Curves of chosen trials in one picture; initially those of each method's best trial on one task.
function overlays() {
  const groups = new Map();
  for (const curve of DATA.curves) {
    const name = [curve.task, curve.encoder].filter(Boolean).join(", ");
    if (!groups.has(name)) groups.set(name, new Map());
    if (!groups.get(name).has(curve.method)) groups.get(name).set(curve.method, curve);
  }
  const mount = findMount("curves");
  if (!groups.size) {
    mount.append(make("p", {}, "Nothing to show."));
    return;
  }
  const losses = [...new Set(DATA.curves.flatMap((curve) => [...Object.keys(curve.losses), ...Object.keys(curve.norms)]))];
  const shown = ["score", ...losses];
  const [container, list] = [make("div"), make("ul", { class: "chips" })];
  let what = 0;
  overlay.redraw = () => {
    container.replaceChildren();
    list.replaceChildren(...[...chosen.values()].map((curve) => make("li", {}, make("button", { type: "button",
      "aria-label": `Remove ${curve.trial}`, onclick: () => pick(curve.trial, false) }, `${curve.method} ${curve.setting || curve.trial} ×`))));
    overlayChart(container, [...chosen.values()], shown[what]);
  };
  const names = [...groups.keys()];
  const choose = (row) => {
    chosen.clear();
    for (const curve of groups.get(names[row]).values()) if (chosen.size < MOST_CHOSEN) chosen.set(curve.trial, curve);
    document.querySelectorAll("input[data-trial]").forEach((box) => { box.checked = chosen.has(box.dataset.trial); });
    overlay.redraw();
  };
  mount.append(make("div", { class: "controls" },
    names.length > 1 ? choice("Best of each method on", names, choose) : null,
    choice("Curve", shown, (row) => { what = row; overlay.redraw(); }),
    make("button", { type: "button", onclick: () => { chosen.clear(); pick("", false); } }, "None")), list, container);
  choose(0);
}

function overlayChart(container, curves, what) {
  const isScore = what === "score";
  const valuesOf = (curve) => (isScore ? curve.scores : curve.losses[what] || curve.norms[what] || []);
  const series = curves.filter((curve) => valuesOf(curve).length);
  const values = series.flatMap(valuesOf).filter((value) => value !== null);
  if (!values.length) {
    container.append(make("p", {}, "No chosen trial has this curve: tick trials in the table below."));
    return;
  }
  const metrics = [...new Set(series.map((curve) => `${curve.metric} on ${curve.split}`))].join(", ");
  const yLabel = isScore ? `${metrics}, %` : what;
  const show = isScore ? (value) => percent(value) : (value) => value.toPrecision(3);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = high > low ? 0 : Math.abs(low) / 2 || 1;
  const name = (curve) => [several("task") && curve.task, curve.method, curve.setting].filter(Boolean).join(" ").slice(0, 48);
  container.append(make("figure", {}, picture(`${yLabel} by epoch of ${series.map(name).join("; ")}`, (width) => lineChart(width, {
    xLabel: "epoch", yLabel, show, yRange: [low - room, high + room],
    series: series.map((curve, row) => ({ name: name(curve), colour: methodColour(curve.method), marker: LOOKS[row % LOOKS.length][0],
      dash: LOOKS[row % LOOKS.length][1], x: curve.epochs, y: valuesOf(curve), entries: [["trial", curve.trial], ["setting", curve.setting]] })) }))));
}
