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

function mountOf(section) {
  return document.querySelector(`#${section} .mount`);
}

function comparisons() {
  const columns = [{ title: "task", filter: true }, { title: "split", filter: true }, { title: "encoder", filter: true },
    { title: "method", filter: true },
    ...["baseline", "score", "difference", "low", "high", "least shown"].map((title) => ({ title, number: true, show: (value) => percent(value, 2) })),
    { title: "mark", filter: true },
    ...["p", "p after Holm", "p after choice", "after choice and Holm"].map((title) => ({ title, number: true, show: pValue })),
    { title: "baseline settings x seeds" }, { title: "settings x seeds" },
    ...["discordant", "examples"].map((title) => ({ title, number: true, show: integer })),
    { title: "test", kind: "code" }];
  mountOf("comparisons").append(DATA.comparisons.length
    ? dataTable({ caption: "Comparisons with the baseline", columns, rows: DATA.comparisons })
    : make("p", {}, "There is no comparison: it takes a finished baseline trial and another method's."));
}

function examples(place, one) {
  const columns = [{ title: "id", kind: "code" }, { title: "text", kind: "text" }, { title: "gold", filter: true },
    { title: one.baseline, filter: true }, { title: one.method, filter: true },
    { title: "right", filter: true, show: (who) => make("span", { class: who === one.method ? "win" : "loss" }, who) }];
  place.append(make("p", {}, `${one.method} (trial ${one.trials[1]}) alone is right on ${integer(one.wins)} examples, `
    + `${one.baseline} (trial ${one.trials[0]}) alone on ${integer(one.losses)}.`));
  if (one.no_texts) place.append(make("p", { class: "note" }, `Without their texts: ${one.no_texts}`));
  if (one.rows.length < one.wins + one.losses) place.append(make("p", { class: "note" },
    `The first ${integer(one.rows.length)} are on this page.`));
  const shown = one.no_texts ? [0, 2, 3, 4, 5] : [0, 1, 2, 3, 4, 5];
  place.append(dataTable({ caption: `${one.method} against ${one.baseline} on ${one.task}, ${one.split}`,
    columns: shown.map((column) => columns[column]), rows: one.rows.map((row) => shown.map((column) => row[column])) }));
}

// Say so where a section holds fewer trials than are finished.
function noteTheBest(section, shown) {
  const finished = DATA.cells.reduce((sum, cell) => sum + cell.finished, 0);
  if (shown < finished) mountOf(section).append(make("p", { class: "note" },
    `The best of each cell, ${integer(shown)} of ${integer(finished)} finished trials; the store has all.`));
}

function trials() {
  const rows = DATA.cells.flatMap((cell) => cell.trials.map((trial, row) => [trial, cell.task, cell.encoder, cell.method,
    setting(cell, row), cell.split, cell.metric, cell.scores[row], cell.means[row], cell.seeds[row], cell.seconds[row]]));
  const columns = [{ title: "trial", kind: "code" }, { title: "task", filter: true }, { title: "encoder", filter: true },
    { title: "method", filter: true }, { title: "setting", kind: "text" }, { title: "split" }, { title: "metric" },
    ...["score", "mean over seeds"].map((title) => ({ title, number: true, show: (value) => percent(value, 2) })),
    { title: "seeds", number: true, show: integer },
    { title: "seconds", number: true, show: (value) => value.toFixed(0) }];
  noteTheBest("trials", rows.length);
  mountOf("trials").append(dataTable({ caption: "Finished trials", columns, rows }));
}

function failures() {
  if (!DATA.failures.rows.length) {
    mountOf("failures").append(make("p", {}, "No trial failed or was stopped early."));
    return;
  }
  if (DATA.failures.rows.length < DATA.failures.count) mountOf("failures").append(make("p", { class: "note" },
    `The first ${integer(DATA.failures.rows.length)} of ${integer(DATA.failures.count)}.`));
  mountOf("failures").append(dataTable({ caption: "Trials that failed or were stopped early", rows: DATA.failures.rows,
    columns: [{ title: "trial", kind: "code" }, { title: "settings", kind: "text" }, { title: "kind", filter: true }, { title: "reason", kind: "text" }] }));
}

document.querySelectorAll("table.result").forEach(sortable);
comparisons();
chooser("examples", "Comparison", DATA.examples, (one) => `${cellName(one)}: ${one.split}`, examples);
chooser("heatmaps", "Cell", DATA.cells.filter((cell) => cell.heatmap).sort((a, b) => b.finished - a.finished), cellName, heatmaps);
chooser("parallel", "Cell", DATA.cells.filter((cell) => cell.axes.length).sort((a, b) => b.finished - a.finished), cellName, parallel);
chooser("importance", "Cell", [...DATA.cells].sort((a, b) => b.finished - a.finished), cellName, importances);
chooser("budgets", "Task and encoder", DATA.budgets, (one) => `${one.task}, ${one.encoder}`, budgets);
noteTheBest("curves", DATA.curves.length);
chooser("curves", "Trial", DATA.curves, (one) => `${cellName(one)}: ${one.setting} (${one.trial})`, trainingCurves);
trials();
failures();
if (DATA.given) for (const section of ["heatmaps", "parallel", "importance", "budgets", "curves", "trials", "failures"]) {
  document.getElementById(section).hidden = true;
  document.querySelector(`a[href="#${section}"]`).parentElement.hidden = true;
}
