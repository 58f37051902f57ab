// Fill the sections.

function trialColumns(cell) {
  const asWritten = (axis) => {
    const texts = new Map(axis.values.map((text) => [settingValue(text), text]));
    return (value) => texts.get(value);
  };
  return [{ title: "trial", kind: "code" }, ...cell.axes.map((axis) => ({ title: axis.name, number: true, show: asWritten(axis) })),
    { title: cell.metric, number: true, show: (value) => percent(value, 2) },
    { title: "seconds", number: true, show: (value) => value.toFixed(0) }];
}

function settingValue(text) {
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function trialRow(cell, row) {
  return [cell.trials[row], ...cell.axes.map((axis, column) => settingValue(axis.values[cell.places[row][column]])),
    cell.scores[row], cell.seconds[row]];
}

function setting(cell, row) {
  return cell.axes.map((axis, column) => `${axis.name}=${axis.values[cell.places[row][column]]}`).join(" ");
}

function findMount(section) {
  return document.querySelector(`#${section} .mount`);
}

// The table of comparisons, p-values first.
function comparisons() {
  const points = ["difference", "low", "high"].map((title) => ({ title, number: true, show: (value) => percent(value, 2) }));
  const scores = ["score", "baseline", "least shown"].map((title) => ({ title, number: true, show: (value) => percent(value, 2) }));
  const columns = [{ title: "task", filter: true }, { title: "method", filter: true }, { title: "split", filter: true },
    ...["p", "p after Holm", "p after choice", "after choice and Holm"].map((title) => ({ title, number: true, show: pValue })),
    { title: "mark", filter: true }, ...points, { title: DATA.worth ? `worth ${100 * DATA.worth} points` : "worth" }, ...scores,
    { title: "encoder", filter: true }, { title: "baseline settings x seeds" }, { title: "settings x seeds" },
    ...["discordant", "examples"].map((title) => ({ title, number: true, show: integer })),
    { title: "test", kind: "code" }];
  const shown = columns.map((_, c) => c).filter((c) => (columns[c].title !== "worth") && (columns[c].title !== "encoder" || new Set(DATA.comparisons.map((row) => row[c])).size > 1));
  findMount("comparisons").append(DATA.comparisons.length
    ? dataTable({ caption: "Comparisons with the baseline", columns: shown.map((c) => columns[c]),
      rows: DATA.comparisons.map((row) => shown.map((c) => row[c])) })
    : make("p", {}, "No comparison yet: it needs finished trials of the baseline and of another method."));
}

function examples(container, one) {
  const columns = [{ title: "id", kind: "code" }, { title: "text", kind: "text" }, { title: "gold", filter: true },
    { title: one.baseline, filter: true }, { title: one.method, filter: true },
    { title: "right", filter: true, show: (who) => make("span", { class: who === one.method ? "win" : "loss" }, who) }];
  container.append(make("p", {}, `Only ${one.method} (trial ${one.trials[1]}) is correct on ${integer(one.wins)} examples, `
    + `only ${one.baseline} (trial ${one.trials[0]}) on ${integer(one.losses)}.`));
  if (one.no_texts) container.append(make("p", { class: "note" }, `Texts are not available: ${one.no_texts}`));
  if (one.rows.length < one.wins + one.losses) container.append(make("p", { class: "note" },
    `This page has the first ${integer(one.rows.length)}.`));
  const shown = one.no_texts ? [0, 2, 3, 4, 5] : [0, 1, 2, 3, 4, 5];
  container.append(dataTable({ caption: `${one.method} against ${one.baseline} on ${one.task}, ${one.split}`,
    columns: shown.map((column) => columns[column]), rows: one.rows.map((row) => shown.map((column) => row[column])) }));
}

// Add a note if a section has fewer trials than are finished.
function noteOmitted(section, shown) {
  const finished = DATA.cells.reduce((sum, cell) => sum + cell.finished, 0);
  if (shown < finished) findMount(section).append(make("p", { class: "note" },
    `Only the best of each cell, ${integer(shown)} of ${integer(finished)} finished trials; all are in the store.`));
}

function failures() {
  if (!DATA.failures.rows.length) {
    findMount("failures").append(make("p", {}, "No trial failed or was stopped early."));
    return;
  }
  if (DATA.failures.rows.length < DATA.failures.count) findMount("failures").append(make("p", { class: "note" },
    `The first ${integer(DATA.failures.rows.length)} of ${integer(DATA.failures.count)}.`));
  findMount("failures").append(dataTable({ caption: "Trials that failed or were stopped early", rows: DATA.failures.rows,
    columns: [{ title: "trial", kind: "code" }, { title: "settings", kind: "text" }, { title: "kind", filter: true }, { title: "reason", kind: "text" }] }));
}

document.querySelectorAll("table.result").forEach(sortable);
document.querySelectorAll(".scroll").forEach(markWide);
saveReady();
comparisons();
chooser("examples", "Comparison", DATA.examples, (one) => `${cellName(one)}: ${one.split}`, examples);
chooser("heatmaps", "Cell", DATA.cells.filter((cell) => cell.heatmap).sort((a, b) => b.finished - a.finished), cellName, heatmaps);
chooser("parallel", "Cell", DATA.cells.filter((cell) => cell.axes.length).sort((a, b) => b.finished - a.finished), cellName, parallel);
chooser("slices", "Cell", DATA.cells.filter((cell) => cell.axes.length).sort((a, b) => b.finished - a.finished), cellName, slices);
chooser("importance", "Cell", [...DATA.cells].sort((a, b) => b.finished - a.finished), cellName, importances);
chooser("budgets", "Task and encoder", DATA.budgets, (one) => `${one.task}, ${one.encoder}`, budgets);
noteOmitted("curves", DATA.curves.length);
overlays();
trials();
failures();
if (DATA.given) for (const section of ["heatmaps", "parallel", "slices", "importance", "budgets", "curves", "trials", "failures"]) {
  document.getElementById(section).hidden = true;
  document.querySelector(`a[href="#${section}"]`).parentElement.hidden = true;
}

// Mark the navigation link of the section that is in view.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.getAttribute("href").slice(1), link]));
const inView = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((one) => one.isIntersecting)) {
    links.forEach((link) => link.removeAttribute("aria-current"));
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-20% 0px -70% 0px" });
document.querySelectorAll("main > section").forEach((section) => inView.observe(section));
