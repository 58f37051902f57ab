"""Generates files for the readers of users' input: structured, random and damaged ones."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

EXAMPLES: Final = [50, pytest.param(2_000, marks=pytest.mark.full)]
"""The number of examples in CI, and in the long form."""

ODD: Final = (
    *("", " ", "0", "1", "1.0", "-1", "0.5", "nan", "None", "1e400", "9" * 5_000, "a|b", "[1, 2]"),
    *(
        '"',
        '"a',
        'a"b',
        "\n",
        "\r",
        "a\nb",
        "a,b",
        ";",
        "\0",
        "\ufeff",
        "\u200b",
        "\u00a0",
        "\u2028",
    ),
    *(
        "caf\u00e9",
        "cafe\u0301",
        "a\ud800",
        "\U0001f3f4",
        "x" * 2_000,
        "Card",
        "card",
        "[/b]",
        "\x1b[31m",
    ),
)
TEXT: Final = st.sampled_from(ODD) | st.text(max_size=8) | st.sampled_from(["a", "b", "c"])
BYTES: Final = st.binary(max_size=400) | st.text(max_size=200).map(
    lambda text: text.encode("utf-8", "replace")
)


def for_examples(count: int, files: SearchStrategy[bytes], check: Callable[[bytes], None]) -> None:
    """Run a check on this number of generated examples."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

    @settings(max_examples=count, deadline=None, suppress_health_check=quiet, database=None)
    @given(files)
    def run(data: bytes) -> None:
        check(data)

    run()


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """Generate a valid file with a few bytes changed, removed, doubled or inserted."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(1, 8))
        part = draw(st.sampled_from(["change", "remove", "double", "insert", "cut"]))
        if part == "change" and data:
            data[place] ^= draw(st.integers(1, 255))
        elif part == "remove":
            del data[place : place + length]
        elif part == "double":
            data[place:place] = data[place : place + length]
        elif part == "insert":
            data[place:place] = draw(st.binary(max_size=8) | TEXT.map(_encoded))
        else:
            del data[place:]
    return bytes(data)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def tables(draw: st.DrawFn, columns: Sequence[str]) -> list[list[str]]:
    """Generate a header, mostly of these columns, and rows, mostly of its width."""
    header = list(draw(st.permutations([*columns, *draw(st.lists(TEXT, max_size=2))])))
    if draw(st.integers(0, 9)) == 0:
        header = header[1:] + draw(st.lists(st.sampled_from(header), max_size=1))
    row = st.lists(TEXT, min_size=len(header), max_size=len(header)) | st.lists(TEXT, max_size=5)
    return [header, *draw(st.lists(row, max_size=8))]


def csv_files(columns: Sequence[str]) -> SearchStrategy[bytes]:
    """Generate CSV files, correctly quoted or not quoted at all, with any line ends."""
    return st.builds(
        _csv,
        tables(columns),
        st.sampled_from(["\n", "\r\n", "\r"]),
        st.sampled_from(["", "\ufeff"]),
        st.booleans(),
    )


def _csv(rows: list[list[str]], end: str, mark: str, quote: bool) -> bytes:
    if not quote:
        return _encoded(mark + end.join(",".join(row) for row in rows))
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows(rows)
    return _encoded(mark + text.getvalue())


def json_files(columns: Sequence[str]) -> SearchStrategy[bytes]:
    """Generate JSON lines: mostly objects, with mostly texts and numbers as values."""
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
    value = leaf | st.recursive(leaf, lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXT, v))
    whole = st.fixed_dictionaries(dict.fromkeys(columns, leaf))
    row: SearchStrategy[Any] = (
        whole | st.dictionaries(st.sampled_from(columns) | TEXT, value) | value
    )
    return st.lists(row, max_size=6).map(
        lambda rows: b"\n".join(json.dumps(row).encode() for row in rows)
    )


def parquet_files(columns: Sequence[str]) -> SearchStrategy[bytes]:
    """Generate Parquet files with columns of any type."""
    return st.integers(0, 4).flatmap(
        lambda n: st.builds(
            _parquet,
            st.permutations([*columns, "more"]),
            st.lists(_column(n), min_size=len(columns) + 1, max_size=len(columns) + 1),
            st.integers(len(columns) - 1, len(columns) + 1),
        )
    )


def _column(n: int) -> SearchStrategy[pa.Array]:
    def of(values: SearchStrategy[Any], kind: pa.DataType) -> SearchStrategy[pa.Array]:
        listed = st.lists(values | st.none(), min_size=n, max_size=n)
        return listed.map(lambda found: pa.array(found, kind))

    small, text = st.integers(-2, 3), st.sampled_from(["a", "b", "", "nan", "a|b", "1.0"])
    return st.one_of(
        of(small, pa.int64()),
        of(text, pa.string()),
        of(st.floats(), pa.float64()),
        of(st.booleans(), pa.bool_()),
        of(st.binary(max_size=3), pa.binary()),
        of(st.lists(small, max_size=2), pa.list_(pa.int64())),
        of(st.fixed_dictionaries({"id": small}), pa.struct({"id": pa.int64()})),
        of(st.integers(-(2**62), 2**62), pa.timestamp("ns")),
        of(st.nothing(), pa.null()),
        of(text, pa.string()).map(lambda array: array.dictionary_encode()),
        of(text, pa.large_string()),
    )


def _parquet(names: Sequence[str], columns: Sequence[pa.Array], kept: int) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(list(columns)[:kept], names=list(names)[:kept]), buffer)
    return buffer.getvalue()
