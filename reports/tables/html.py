"""HTML: a `Table` as a table element, for the page.

In: a `Table`. Out: a string. Names are escaped here and nowhere else. A cell carries its unrounded
value as `data-value`, by which the page sorts; every label is the heading of its row.
"""

from html import escape

from reports.tables.table import MARKS, Cell, Row, Table, compact


def to_html(table: Table) -> str:
    """Render the table: the best of a column in bold, published rows in italics.

    Rows that do not compete form the table's foot, which is not sorted. The caption is below the
    table, where a narrow screen can wrap it; the notes can be unfolded.
    """
    table = compact(table)
    name, title = escape(table.name), escape(table.title or table.name)
    pairs = list(zip(table.rows, table.best(), strict=True))
    body = [_row(table, row, best) for row, best in pairs if row.competes]
    foot = [_row(table, row, best) for row, best in pairs if not row.competes]
    lines = [
        f'<div class="scroll" role="region" tabindex="0" aria-label="{title}">',
        '<table class="result">',
        f'<caption data-name="{name}">{title} <small>{name}</small></caption>',
        f"<thead>{_groups(table)}{_titles(table)}</thead>",
        "<tbody>",
        *body,
        "</tbody>",
        *(["<tfoot>", *foot, "</tfoot>"] if foot else []),
        "</table>",
        "</div>",
        f'<p class="note">{escape(table.caption)}</p>',
        *_notes(table),
    ]
    return "\n".join(lines) + "\n"


def _groups(table: Table) -> str:
    if not any(group.title for group in table.groups):
        return ""
    heads = [
        f'<th colspan="{len(group.columns)}" scope="colgroup">{escape(group.title)}</th>'
        if group.title
        else f'<td colspan="{len(group.columns)}"></td>'
        for group in table.groups
    ]
    return f'<tr><td colspan="{len(table.label_titles)}"></td>{"".join(heads)}</tr>'


def _titles(table: Table) -> str:
    labels = [f'<th scope="col">{escape(title)}</th>' for title in table.label_titles]
    columns = [
        f'<th scope="col" class="number">{escape(column.title)}'
        + (f" <small>{escape(column.subtitle)}</small>" if column.subtitle else "")
        + "</th>"
        for column in table.columns
    ]
    return f"<tr>{''.join(labels + columns)}</tr>"


def _row(table: Table, row: Row, best: tuple[bool, ...]) -> str:
    kinds = {"block": row.starts_block, "published": row.published}
    kind = " ".join(name for name, holds in kinds.items() if holds)
    labels = [f'<th scope="row">{escape(label)}</th>' for label in row.labels]
    cells = [_cell(table, *pair) for pair in zip(row.cells, best, strict=True)]
    return f"<tr{f' class={kind!r}' if kind else ''}>{''.join(labels + cells)}</tr>"


def _cell(table: Table, cell: Cell, best: bool) -> str:
    value = "" if cell.value is None else repr(float(cell.value))
    text = escape(table.text(cell))
    number = f"<b>{text}</b>" if best else text
    marks = "".join(MARKS[mark] for mark in cell.marks)
    return f'<td class="number" data-value="{value}">{number}{marks}</td>'


def _notes(table: Table) -> list[str]:
    items = [f"<li>{escape(note)}</li>" for note in table.notes]
    items += [f"<li><code>{escape(line)}</code></li>" for line in table.signatures]
    if not items:
        return []
    return [
        "<details>",
        "<summary>Notes</summary>",
        '<ul class="notes">',
        *items,
        "</ul>",
        "</details>",
    ]
