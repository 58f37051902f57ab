// Buttons that save a table as CSV or LaTeX, and a picture as SVG.

function fileName(text, ending) {
  const plain = text.replace(/[^A-Za-z0-9.]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 80);
  return `${DATA.study.replace(/[^A-Za-z0-9.]+/g, "-")}-${plain || "table"}.${ending}`;
}

function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function saveButton(ending, name, text) {
  const types = { csv: "text/csv", tex: "text/x-tex", svg: "image/svg+xml" };
  const titles = { csv: "CSV", tex: "LaTeX", svg: "SVG" };
  return make("button", { type: "button", class: "save", "aria-label": `Save ${name} as ${titles[ending]}`,
    onclick: () => download(fileName(name, ending), text(), types[ending]) }, titles[ending]);
}

function asCsv(titles, rows) {
  const field = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return [titles, ...rows].map((row) => row.map((value) => field(String(value ?? ""))).join(",")).join("\r\n") + "\r\n";
}

const TEX = { "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "$": "\\$", "&": "\\&", "#": "\\#", "%": "\\%", "_": "\\_",
  "^": "\\textasciicircum{}", "~": "\\textasciitilde{}", "<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}",
  "\u2212": "$-$", "–": "--", "×": "$\\times$", "†": "$\\dagger$", "‡": "$\\ddagger$", "§": "\\S{}", "★": "$\\star$",
  "±": "$\\pm$", "\n": " " };

function asLatex(caption, titles, numbers, rows) {
  const text = (value) => [...String(value)].map((c) => TEX[c] ?? c).join("");
  const line = (cells) => `${cells.map(text).join(" & ")} \\\\`;
  return ["% \\usepackage{booktabs}", "\\begin{table}[t]", "\\centering",
    `\\begin{tabular}{${numbers.map((number) => (number ? "r" : "l")).join("")}}`, "\\toprule", line(titles), "\\midrule",
    ...rows.map(line), "\\bottomrule", "\\end{tabular}", `\\caption{${text(caption)}}`, "\\end{table}", ""].join("\n");
}

const SVG_STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "font", "text-anchor"];

// A picture as a separate file, with the styles of the page copied into it.
function asSvg(svg) {
  const copy = svg.cloneNode(true);
  const [from, to] = [svg, copy].map((one) => [one, ...one.querySelectorAll("*")]);
  from.forEach((element, index) => {
    const style = getComputedStyle(element);
    for (const name of SVG_STYLES) to[index].style.setProperty(name, style.getPropertyValue(name));
  });
  copy.style.background = getComputedStyle(document.body).backgroundColor;
  return new XMLSerializer().serializeToString(copy);
}

// Tables that are already in the page: save the files that are written next to it.
function saveReady() {
  document.querySelectorAll(".ready").forEach((container) => {
    const name = container.querySelector("caption").dataset.name;
    const files = DATA.tables[name];
    container.querySelector(".scroll").after(make("div", { class: "controls tools" },
      saveButton("csv", name, () => files.csv), saveButton("tex", name, () => files.tex)));
  });
}
