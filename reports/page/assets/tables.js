// Tables that sort, filter and search. A row is an array, one entry per column.

const ROWS_AT_ONCE = 50;

function compareValues(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

// Which of two rows comes first: one without a value never does, whatever the direction.
function inOrder(one, other, down) {
  const [first, second] = [one, other].map((value) => value === null || value === "");
  if (first || second) return first - second;
  return (down ? -1 : 1) * compareValues(one, other);
}

function textOf(shown) {
  return typeof shown === "string" ? shown : shown.textContent;
}

// Search finds what a table shows: 87.65, not 0.8765.
// columns: {title, number: right-aligned, show: value to text or element, kind: class, filter: true}
function dataTable({ caption, columns, rows, search = true }) {
  const state = { query: "", kept: new Map(), sorted: -1, down: false, page: 0 };
  const shown = (row, c) => (columns[c].show ? columns[c].show(row[c]) : String(row[c] ?? "–"));
  let haystacks = null;
  const body = make("tbody");
  const status = make("span", { role: "status" });
  const earlier = make("button", { type: "button", onclick: () => turn(-1) }, "Previous rows");
  const later = make("button", { type: "button", onclick: () => turn(1) }, "Next rows");
  const heads = columns.map((column, place) => make("th",
    { scope: "col", class: column.number ? "number" : null },
    make("button", { type: "button", onclick: () => sort(place) }, column.title)));

  function chosen() {
    const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && !haystacks) haystacks = rows.map((row) => columns.map((_, c) => textOf(shown(row, c))).join("\n").toLowerCase());
    const places = rows.map((_, place) => place).filter((place) =>
      words.every((word) => haystacks[place].includes(word)) &&
      [...state.kept].every(([column, value]) => String(rows[place][column]) === value));
    if (state.sorted < 0) return places;
    return places.sort((a, b) => inOrder(rows[a][state.sorted], rows[b][state.sorted], state.down));
  }

  function show() {
    const places = chosen();
    const first = state.page * ROWS_AT_ONCE;
    const here = places.slice(first, first + ROWS_AT_ONCE);
    body.replaceChildren(...here.map((place) => make("tr", {}, ...columns.map((column, c) => {
      const kind = [column.number ? "number" : "", column.kind || ""].join(" ").trim();
      return make("td", { class: kind || null }, shown(rows[place], c));
    }))));
    const range = here.length ? `${integer(first + 1)}–${integer(first + here.length)} of ` : "";
    const all = places.length < rows.length ? `, of ${integer(rows.length)} in all` : "";
    status.textContent = `${range}${integer(places.length)} rows${all}`;
    earlier.disabled = state.page === 0;
    later.disabled = first + ROWS_AT_ONCE >= places.length;
    earlier.hidden = later.hidden = earlier.disabled && later.disabled;
    heads.forEach((head, place) => {
      const order = state.down ? "descending" : "ascending";
      head.setAttribute("aria-sort", place === state.sorted ? order : "none");
    });
  }

  function turn(by) {
    state.page += by;
    show();
  }

  function sort(place) {
    state.down = state.sorted === place ? !state.down : Boolean(columns[place].number);
    Object.assign(state, { sorted: place, page: 0 });
    show();
  }

  function filter(place) {
    const values = [...new Set(rows.map((row) => String(row[place])))];
    if (values.length < 2 || (columns[place].number && values.length > 20)) return null;
    values.sort((a, b) => compareValues(a, b));
    const names = new Map(rows.map((row) => [String(row[place]), textOf(shown(row, place))]));
    return choice(columns[place].title, ["all", ...values.map((value) => names.get(value))], (row) => {
      if (row) state.kept.set(place, values[row - 1]);
      else state.kept.delete(place);
      state.page = 0;
      show();
    });
  }

  const input = make("input", { type: "search", oninput: () => {
    Object.assign(state, { query: input.value, page: 0 });
    show();
  } });
  const kept = columns.map((_, c) => c).filter((c) => !columns[c].plain); // those with something to save
  const saved = (write, value) => write(kept.map((c) => columns[c].title), chosen().map((place) => kept.map((c) => value(rows[place], c))));
  const filters = columns.map((column, place) => (column.filter ? filter(place) : null));
  show();
  return make("div", { class: "data-table" },
    search ? make("div", { class: "controls" }, make("label", {}, "Search", input), ...filters) : null,
    scrolling(caption, make("table", {}, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...heads)), body)),
    make("div", { class: "controls" }, status, earlier, later, make("span", { class: "tools" },
      saveButton("csv", caption, () => saved(asCsv, (row, c) => row[c])),
      saveButton("tex", caption, () => saved((titles, all) => asLatex(caption, titles, kept.map((c) => columns[c].number), all),
        (row, c) => textOf(shown(row, c)))))));
}

// A wide table scrolls by itself, with the keyboard too.
function scrolling(label, ...children) {
  return make("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": label }, ...children);
}

// Let a table that is already in the page be sorted by its columns.
function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const value = (row, place) => {
    const cell = row.cells[place];
    return cell.dataset.value === undefined ? cell.textContent
      : cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };
  heads.forEach((head, place) => {
    const text = [...head.childNodes];
    head.replaceChildren(make("button", { type: "button", onclick: () => {
      const now = head.getAttribute("aria-sort");
      const down = now === "none" ? head.classList.contains("number") : now === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", other !== head ? "none" : down ? "descending" : "ascending"));
      const rows = [...body.rows];
      rows.sort((a, b) => inOrder(value(a, place), value(b, place), down));
      body.append(...rows);
    } }, ...text));
    head.setAttribute("aria-sort", "none");
  });
}
