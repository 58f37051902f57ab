"""Tables for a terminal: in line, wrapped, and without power over it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reports.tables.table import Cell, Column, ColumnGroup, Row, Table
from reports.tables.terminal import to_text

POWER = "\x1b[31mred\x1b[0m \x07\x08 \u202eback \x9b2J a\r\nb\ttab"


def table(rows: Mapping[str, tuple[float | None, ...]], **fields: Any) -> Table:
    columns = tuple(Column(title=title) for title in ("A", "a longer title"))
    whole = Table(
        name="t",
        caption="c",
        label_titles=("Method",),
        groups=(ColumnGroup(columns=columns),),
        rows=tuple(
            Row(labels=(name,), cells=tuple(Cell(value=value) for value in values))
            for name, values in rows.items()
        ),
    )
    return replace(whole, **fields)


def test_a_small_table_as_a_whole() -> None:
    rows = {"standard": (0.5, 0.91), "cat": (0.75, None)}
    assert to_text(table(rows, caption="Of two columns.", notes=("a note",))) == (
        "Of two columns.\n"
        "--------------------------------\n"
        "Method         A  a longer title\n"
        "--------------------------------\n"
        "standard   50.0           *91.0*\n"
        "cat       *75.0*             --\n"
        "--------------------------------\n"
        "a note\n"
    )


def test_numbers_stand_in_line_under_wide_and_combined_characters() -> None:
    names = ("plain", "中文", "e\u0301te\u0301", "naïve")
    text = to_text(table(dict.fromkeys(names, (0.5, 0.25))))
    found = [line for line in text.splitlines() if "*50.0*" in line]
    assert len(found) == 4
    width = {"中文": 2, "e\u0301te\u0301": -2}
    starts = [
        line.index("*50.0*") + width.get(name, 0) for line, name in zip(found, names, strict=True)
    ]
    assert len(set(starts)) == 1


def test_no_name_can_speak_to_the_terminal() -> None:
    group = ColumnGroup(title=POWER, columns=(Column(title=POWER, subtitle=POWER),))
    row = Row(labels=(POWER,), cells=(Cell(words=POWER),))
    hostile = Table(
        name=POWER,
        caption=POWER,
        label_titles=(POWER,),
        groups=(group,),
        rows=(row,),
        notes=(POWER,),
    )
    text = to_text(hostile)
    assert text.count("[31mred") == 8
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", text)


@pytest.mark.parametrize("width", [40, 100])
def test_sentences_and_signatures_are_wrapped_and_kept_whole(width: int) -> None:
    caption = " ".join(f"word{place}" for place in range(60))
    note = "rte/tiny/cat: " + "|".join(f"key{place}:value" for place in range(30))
    text = to_text(table({"a": (0.5, 0.5)}, caption=caption, notes=(note,)), width)
    assert max(map(len, text.splitlines())) <= width
    before, _, _, after = (part.strip() for part in re.split("^-+$", text, flags=re.M))
    assert before.replace("\n", " ") == caption
    assert re.sub(r"\n  ", "", after.replace("cat:\n  ", "cat: ")) == note


def test_a_group_is_as_wide_as_its_title() -> None:
    groups = (
        ColumnGroup(title="a very long title of a group", columns=(Column(title="A"),)),
        ColumnGroup(columns=(Column(title="B"),)),
    )
    lines = to_text(table({"a": (0.5, 0.25)}, groups=groups)).splitlines()
    assert lines[2].strip() == "a very long title of a group"
    assert len(lines[1]) == len(lines[3])
    assert lines[3].endswith("B")
    assert lines[3].index("B") > len(lines[2]), "the next column begins after the title"


def test_blocks_are_apart_but_the_first_is_not() -> None:
    whole = table({"a": (0.5, 0.5), "b": (0.5, 0.5)})
    apart = replace(whole, rows=tuple(replace(row, starts_block=True) for row in whole.rows))
    assert to_text(apart).count("\n\n") == 1
    assert to_text(whole).count("\n\n") == 0


def test_a_table_without_rows() -> None:
    assert "a longer title" in to_text(table({}))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_wide_table_stands_in_parts_that_name_their_rows(width: int) -> None:
    columns = tuple(Column(title=f"Task {place}", subtitle="accuracy") for place in range(14))
    names = ("standard", "contrastive adversarial training with a long name")
    wide = replace(
        table({}),
        label_titles=("Encoder", "Method"),
        groups=(ColumnGroup(title="GLUE", columns=columns),),
        rows=tuple(
            Row(labels=("MiniLM", name), cells=tuple(Cell(value=k / 100) for k in range(14)))
            for name in names
        ),
    )
    lines = to_text(wide, width).splitlines()
    assert max(map(len, lines)) <= width
    numbers = [line for line in lines if re.search(r"\d\.\d", line)]
    assert all(line.startswith("MiniLM") for line in numbers)
    found = re.findall(r"\d+\.\d", "\n".join(numbers))
    assert sorted(map(float, found)) == sorted(map(float, [*range(14), *range(14)]))
    assert " ".join(lines).count("contrastive") == len(
        re.findall("^MiniLM +standard", "\n".join(lines), re.M)
    )
