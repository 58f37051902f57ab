// Tables that sort, filter and search. A row is an array, one entry per column.

const ROWS_AT_ONCE = 50;

function compareValues(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

// Compare two values for sorting; missing values come last in both directions.
function inOrder(one, other, down) {
  const [first, second] = [one, other].map((value) => value === null || value === "");
  if (first || second) return first - second;
  return (down ? -1 : 1) * compareValues(one, other);
}

function shownText(shown) {
  return typeof shown === "string" ? shown : shown.textContent;
}

// Search finds what a table shows: 87.65, not 0.8765.
// columns: {title, number: right-aligned, show: value to text or element, kind: class, filter: true}
function dataTable({ caption, columns, rows, search = true }) {
  const state = { query: "", filters: new Map(), sorted: -1, down: false, page: 0 };
  const shown = (row, c) => (columns[c].show ? columns[c].show(row[c]) : String(row[c] ?? "–"));
  let haystacks = null;
  const body = make("tbody");
  const status = make("span", { role: "status" });
  const earlier = make("button", { type: "button", onclick: () => turn(-1) }, "Previous rows");
  const later = make("button", { type: "button", onclick: () => turn(1) }, "Next rows");
  const heads = columns.map((column, index) => make("th",
    { scope: "col", class: column.number ? "number" : null },
    make("button", { type: "button", onclick: () => sort(index) }, column.title)));

  function chosen() {
    const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length && !haystacks) haystacks = rows.map((row) => columns.map((_, c) => shownText(shown(row, c))).join("\n").toLowerCase());
    const order = rows.map((_, index) => index).filter((index) =>
      words.every((word) => haystacks[index].includes(word)) &&
      [...state.filters].every(([column, value]) => String(rows[index][column]) === value));
    if (state.sorted < 0) return order;
    return order.sort((a, b) => inOrder(rows[a][state.sorted], rows[b][state.sorted], state.down));
  }

  function show() {
    const order = chosen();
    const first = state.page * ROWS_AT_ONCE;
    const here = order.slice(first, first + ROWS_AT_ONCE);
    body.replaceChildren(...here.map((index) => make("tr", {}, ...columns.map((column, c) => {
      const kind = [column.number ? "number" : "", column.kind || ""].join(" ").trim();
      return make("td", { class: kind || null }, shown(rows[index], c));
    }))));
    const range = here.length ? `${integer(first + 1)}–${integer(first + here.length)} of ` : "";
    const all = order.length < rows.length ? `, of ${integer(rows.length)} in all` : "";
    status.textContent = `${range}${integer(order.length)} rows${all}`;
    earlier.disabled = state.page === 0;
    later.disabled = first + ROWS_AT_ONCE >= order.length;
    earlier.hidden = later.hidden = earlier.disabled && later.disabled;
    heads.forEach((head, index) => {
      const order = state.down ? "descending" : "ascending";
      head.setAttribute("aria-sort", index === state.sorted ? order : "none");
    });
  }

  function turn(by) {
    state.page += by;
    show();
  }

  function sort(index) {
    state.down = state.sorted === index ? !state.down : Boolean(columns[index].number);
    Object.assign(state, { sorted: index, page: 0 });
    show();
  }

  function filter(index) {
    const values = [...new Set(rows.map((row) => String(row[index])))];
    if (values.length < 2 || (columns[index].number && values.length > 20)) return null;
    values.sort((a, b) => compareValues(a, b));
    const names = new Map(rows.map((row) => [String(row[index]), shownText(shown(row, index))]));
    return choice(columns[index].title, ["all", ...values.map((value) => names.get(value))], (row) => {
      if (row) state.filters.set(index, values[row - 1]);
      else state.filters.delete(index);
      state.page = 0;
      show();
    });
  }

  const input = make("input", { type: "search", oninput: () => {
    Object.assign(state, { query: input.value, page: 0 });
    show();
  } });
  const saved = columns.map((_, c) => c).filter((c) => !columns[c].plain);
  const written = (write, value) => write(saved.map((c) => columns[c].title), chosen().map((index) => saved.map((c) => value(rows[index], c))));
  const filters = columns.map((column, index) => (column.filter ? filter(index) : null));
  show();
  return make("div", { class: "data-table" },
    search ? make("div", { class: "controls" }, make("label", {}, "Search", input), ...filters) : null,
    scrolling(caption, make("table", {}, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...heads)), body)),
    make("div", { class: "controls" }, status, earlier, later, make("span", { class: "tools" },
      saveButton("csv", caption, () => written(asCsv, (row, c) => row[c])),
      saveButton("tex", caption, () => written((titles, all) => asLatex(caption, titles, saved.map((c) => columns[c].number), all),
        (row, c) => shownText(shown(row, c)))))));
}

// A container in which a wide table scrolls, also by keyboard.
function scrolling(label, ...children) {
  return markWide(make("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": label }, ...children));
}

const widths = new ResizeObserver((changes) => changes.forEach(({ target }) => {
  const container = target.closest(".scroll");
  container.classList.toggle("wide", container.scrollWidth > container.clientWidth + 1);
}));

// Have a container say so while its content is wider than itself.
function markWide(container) {
  [container, ...container.children].forEach((part) => widths.observe(part));
  return container;
}

// Make a table that is already in the page sortable by its columns.
function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  const value = (row, index) => {
    const cell = row.cells[index];
    return cell.dataset.value === undefined ? cell.textContent
      : cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };
  heads.forEach((head, index) => {
    const text = [...head.childNodes];
    head.replaceChildren(make("button", { type: "button", onclick: () => {
      const now = head.getAttribute("aria-sort");
      const down = now === "none" ? head.classList.contains("number") : now === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", other !== head ? "none" : down ? "descending" : "ascending"));
      const rows = [...body.rows];
      rows.sort((a, b) => inOrder(value(a, index), value(b, index), down));
      body.append(...rows);
    } }, ...text));
    head.setAttribute("aria-sort", "none");
  });
}
