from reports.tables.html import to_html
from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from tests.reports.pages import HOSTILE, Parsed


def table(*rows: Row, notes: tuple[str, ...] = (), grouped: bool = False) -> Table:
    columns = (Column(title="RTE", subtitle="accuracy"), Column(title=HOSTILE))
    return Table(
        name="name",
        caption=HOSTILE,
        label_titles=("Encoder", "Method"),
        groups=(ColumnGroup(title=HOSTILE if grouped else "", columns=columns),),
        rows=rows,
        notes=notes,
    )


BASE = Row(labels=("tiny", "standard"), cells=(Cell(value=0.51), Cell(value=0.7)))
BETTER = Row(
    labels=(HOSTILE, "cat"),
    cells=(Cell(value=0.6249, marks=("dagger", "double-dagger")), Cell()),
    starts_block=True,
)


def test_numbers_are_rounded_for_reading_and_whole_for_sorting() -> None:
    parsed = Parsed(to_html(table(BASE, BETTER)))
    assert parsed.texts["td"] == ["51.0", "70.0", "62.5†‡", "--"]
    values = [cell["data-value"] for cell in parsed.having("td")]
    assert values == ["0.51", "0.7", "0.6249", ""]
    assert parsed.texts["b"] == ["70.0", "62.5"]
    assert [row.get("class") for row in parsed.having("tr")] == [None, None, "block"]


def test_names_are_text_and_every_heading_says_of_what() -> None:
    parsed = Parsed(to_html(table(BASE, BETTER, notes=(HOSTILE,), grouped=True)))
    assert HOSTILE in parsed.texts["th"]
    assert parsed.texts["p"] == [HOSTILE]
    assert parsed.texts["li"] == [HOSTILE]
    scopes = [head["scope"] for head in parsed.having("th")]
    assert scopes == ["colgroup", *["col"] * 4, *["row"] * 4]
    (region,) = parsed.having("div")
    assert (region["role"], region["tabindex"], region["aria-label"]) == ("region", "0", "name")
    assert parsed.texts["caption"] == ["name name"]
    assert parsed.texts["small"][0] == "name"
    assert "img" not in parsed.texts


def test_without_groups_or_notes_there_is_no_empty_row_or_list() -> None:
    parsed = Parsed(to_html(table(BASE)))
    assert len(parsed.texts["tr"]) == 2
    assert "ul" not in parsed.texts
