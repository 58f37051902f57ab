"""Records and predictions that are well formed, with right checksums, and mean nothing sensible.

Every reader of a store takes them, or refuses them in one line; none ends in another exception.
"""

import copy
import hashlib
import io
import math
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.exports.flat import write_trials
from reports.exports.rows import read_rows
from reports.page.publish import Extras, publish
from reports.results.results import read_results
from reports.study_reports import study_reports
from reports.verdicts.judge import judge
from search_spaces.errors import UserError
from tests.reports.exported import study
from tests.reports.stores import whole_reports
from tests.trainers.stored import DONE, FAILED, PRUNED, filled, sealed, unsealed
from trainers.records.searches import read_searches
from trainers.records.store import CorruptTrial, State, Store

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 2**31, 2**70),
    *(0.5, -0.5, 1.5, -2.0, 1e300, math.nan, math.inf),
    *("", "1", "accuracy", "f1", "dev", "x" * 300, "é\n\x00", "../../etc/passwd", "/etc", ".."),
    *("2026-01-01", "2026-01-01T00:00:00+00:00", "0001-01-01T00:00:00+00:00"),
    "9999-12-31T23:59:59-12:00",
    *([], {}, [1], ["a", "a"], {"a": 1}, [[]], {"value": 2.0}),
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON tree but its root."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, child in children:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from places(child, (*path, key))


def parent(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        tree = tree[key]
    return tree


@st.composite
def changed(draw: Callable[..., Any], fields: Any) -> Any:
    """Change a record in up to three places: drop, replace, rename, repeat or swap."""
    tree = copy.deepcopy(fields)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([*places(tree)]))
        inside, key = parent(tree, path), path[-1]
        match draw(st.sampled_from(("drop", "replace", "replace", "rename", "repeat", "swap"))):
            case "drop":
                del inside[key]
            case "replace":
                inside[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
            case "rename" if isinstance(inside, dict):
                inside[draw(st.sampled_from(("dev", "f1", "x", "../x", "")))] = inside.pop(key)
            case "repeat" if isinstance(inside, list):
                inside.append(copy.deepcopy(inside[key]))
            case "swap":
                keys = [*inside] if isinstance(inside, dict) else [*range(len(inside))]
                other = draw(st.sampled_from(keys))
                inside[key], inside[other] = inside[other], inside[key]
        if not tree:
            break
    return tree


def _column(name: str, change: Callable[[pa.ChunkedArray], Any]) -> Callable[[pa.Table], pa.Table]:
    def of_table(table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.get_field_index(name), name, change(table[name]))

    return of_table


def _numbers(change: Callable[[Any], Any]) -> Callable[[pa.ChunkedArray], pa.Array]:
    return lambda column: pa.array(change(column.to_numpy().copy()), pa.int32())


def _logits(change: Callable[[Any], Any], kind: pa.DataType | None = None) -> Any:
    def of_column(column: pa.ChunkedArray) -> pa.Array:
        rows = np.stack(column.to_numpy())
        flat = pa.array(change(rows).ravel(), kind or pa.float32())
        return pa.FixedSizeListArray.from_arrays(flat, flat.__len__() // len(rows))

    return of_column


def _put(value: float) -> Callable[[Any], Any]:
    def into(array: Any) -> Any:
        array[(0,) * array.ndim] = value
        return array

    return into


def _first_null(column: pa.ChunkedArray) -> pa.Array:
    return pa.array([None, *column.to_pylist()[1:]], column.type)


ODD_TABLES: dict[str, Callable[[pa.Table], pa.Table]] = {
    "labels below 0": _column("gold", _numbers(_put(-1))),
    "labels out of range": _column("predicted", _numbers(_put(2))),
    "huge labels": _column("gold", _numbers(_put(2**31 - 1))),
    "predicted is not the best": _column("predicted", _numbers(lambda labels: 1 - labels)),
    "other gold": _column("gold", _numbers(lambda labels: 1 - labels)),
    "null gold": _column("gold", _first_null),
    "null id": _column("id", _first_null),
    "null logits": _column("logits", _first_null),
    "null in logits": _column(
        "logits", lambda c: pa.array([[None, 1.0], *c.to_pylist()[1:]], c.type)
    ),
    "an id twice": _column("id", lambda c: pa.array([*c.to_pylist()[1:], c[-1].as_py()])),
    "other ids": _column("id", lambda c: pa.array([f"x{i}" for i in range(len(c))])),
    "ids as numbers": _column("id", lambda c: pa.array(range(len(c)))),
    "ids as large strings": _column("id", lambda c: c.cast(pa.large_string())),
    "ids as categories": _column("id", lambda c: c.combine_chunks().dictionary_encode()),
    "ids that are no UTF-8": _column(
        "id",
        lambda c: pa.Array.from_buffers(
            pa.string(), len(c), pa.array([b"\xff%d" % i for i in range(len(c))]).buffers()
        ),
    ),
    "gold as floats": _column("gold", lambda c: c.cast(pa.float64())),
    "gold as 64 bits": _column("gold", lambda c: c.cast(pa.int64())),
    "gold as text": _column("gold", lambda c: c.cast(pa.string())),
    "logits as doubles": _column("logits", _logits(lambda rows: rows, pa.float64())),
    "logits as lists": _column("logits", lambda c: pa.array(c.to_pylist(), pa.list_(pa.float32()))),
    "logits of three": _column("logits", _logits(lambda rows: np.hstack([rows, rows[:, :1] - 9]))),
    "a logit that is no number": _column("logits", _logits(_put(math.nan))),
    "an infinite logit": _column("logits", _logits(_put(math.inf))),
    "no rows": lambda table: table.slice(0, 0),
    "a row less": lambda table: table.slice(2),
    "a column less": lambda table: table.drop_columns(["predicted"]),
    "a column more": lambda table: table.append_column("more", table["gold"]),
    "a column twice": lambda table: table.append_column("gold", table["gold"]),
    "in another order": lambda table: table.select(["logits", "predicted", "gold", "id"]),
    "reversed": lambda table: table.take(list(range(len(table)))[::-1]),
}


class Damaged:
    """A store of which one file at a time is replaced, and all that reads it."""

    def __init__(self, root: Path) -> None:
        self.store, self.trials = filled(root)
        self.out = root.parent / "out"
        done, pruned, failed = (self.trials[place].signature for place in (DONE, PRUNED, FAILED))
        self.result = self.store.folder(done) / "result.json"
        (search,) = self.store.searches.iterdir()
        self.records = {
            "result.json": self.result,
            "pruned.json": self.store.folder(pruned) / "pruned.json",
            "failure.json": self.store.folder(failed) / "failure.json",
            "searches": search,
        }
        self.whole = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def put(self, path: Path, data: bytes) -> None:
        if path.parent == self.store.searches:  # Its name is that of its content.
            path.unlink()
            path = path.with_name(f"{hashlib.sha256(data).hexdigest()[:12]}.json")
        path.write_bytes(data)

    def put_table(self, name: str, table: pa.Table) -> None:
        """Replace predictions, and what the record says of their file."""
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        data = buffer.getvalue()
        fields = unsealed(self.whole[self.result])
        fields["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        self.result.with_name(name).write_bytes(data)
        self.result.write_bytes(sealed(fields))

    def restore(self) -> None:
        for path in self.store.searches.iterdir():
            path.unlink()
        for path, data in self.whole.items():
            path.write_bytes(data)
        shutil.rmtree(self.out, ignore_errors=True)

    def read_all(self, *, page: bool) -> list[str]:
        """Call every reader with a store that knows nothing yet; return what they refused."""
        refused = []
        for read in (*self._of_trials(), *self._of_all(page)):
            try:
                read()
            except UserError as error:
                refused.append(str(error))
        assert not any("\n" in line for line in refused)
        return refused

    def _of_trials(self) -> Iterator[Callable[[], object]]:
        for place in (DONE, PRUNED, FAILED):
            store = Store(self.store.root, create=False)
            for read in (store.state, store.check, partial(self._whole, store)):
                yield partial(read, self.trials[place].signature)

    @staticmethod
    def _whole(store: Store, name: str) -> None:
        match store.state(name):
            case State.DONE:
                record = store.verified_record(name)
                for split in record.scores:
                    store.labels(record, split)
                    store.predictions(record, split)
            case State.PRUNED:
                assert store.pruned(name).seconds >= 0
            case State.FAILED:
                assert store.failure(name).crowded in {True, False}

    def _of_all(self, page: bool) -> Iterator[Callable[[], object]]:
        store = Store(self.store.root, create=False)
        yield lambda: read_searches(store)
        yield lambda: write_trials(read_rows(self.trials, store), self.out / "t.csv", "csv")
        yield lambda: [
            (row.score, row.seconds, row.began_at, row.ended_at, row.reason, row.scores)
            for row in read_rows(self.trials, store)
        ]
        yield lambda: whole_reports(study(), store)
        if page:
            yield lambda: self._page(store)

    def _page(self, store: Store) -> None:
        extras = Extras(html=True, figures=False, data=None)
        results = read_results(study(), store)
        publish(results, study_reports(results, judge(results), None), self.out, extras)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    found = Damaged(tmp_path_factory.mktemp("meaning") / "store")
    found.out.mkdir()
    assert found.read_all(page=False) == []
    return found


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.full)])
@pytest.mark.parametrize("kind", ["result.json", "pruned.json", "failure.json", "searches"])
def test_a_record_without_sense_is_refused_in_a_line_or_read(
    kind: str, full: bool, damaged: Damaged, capsys: pytest.CaptureFixture[str]
) -> None:
    path, refused = damaged.records[kind], [0, 0]
    fields = unsealed(damaged.whole[path])

    @settings(
        max_examples=2_000 if full else 10,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(changed(fields), st.integers(0, 9))
    def read(tree: Any, dice: int) -> None:
        try:
            damaged.put(path, sealed(tree))
            refused[bool(damaged.read_all(page=full and dice == 0))] += 1
        finally:
            damaged.restore()

    read()
    if full:
        with capsys.disabled():
            print(f"\n{kind}: {refused[0]} read, {refused[1]} refused, no exception")  # noqa: T201


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("name", ODD_TABLES)
def test_predictions_without_sense_are_refused_in_a_line_or_read(
    name: str, split: str, damaged: Damaged
) -> None:
    """Read is what nothing contradicts: another order, and ids that no other trial is held to."""
    file = f"predictions-{split}.parquet"
    table = pq.read_table(damaged.result.with_name(file), use_threads=False)
    try:
        damaged.put_table(file, ODD_TABLES[name](table))
        refused = damaged.read_all(page=False)
    finally:
        damaged.restore()
    if name in {"in another order", "reversed"} or (name, split) == ("other ids", "test"):
        assert refused == []
    else:
        assert any("is corrupt" in line or "example" in line for line in refused), refused


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("labels", ["a", "a"]),
        ("labels", []),
        ("metric", "accuracyy"),
        ("selection", "heldout"),
        ("selected_epoch", 4),
        ("selected_epoch", True),
        ("epochs", []),
        ("train_seconds", 1e300),
        ("train_seconds", "1"),
        ("steps", -1),
        ("finished_at", "yesterday"),
        ("finished_at", "2026-01-01T00:00:00"),
        ("fingerprints", {}),
        ("files", {}),
        ("files", {"../../store.json": {"bytes": 1, "sha256": "0" * 64}}),
        ("version", 1),
        ("version", 3),
        ("signature", "0" * 12),
        ("scores", {}),
        ("more", 1),
    ],
)
def test_a_field_of_a_result_that_means_nothing_is_named(
    field: str, value: object, damaged: Damaged
) -> None:
    fields = unsealed(damaged.whole[damaged.result]) | {field: value}
    try:
        damaged.result.write_bytes(sealed(fields))
        with pytest.raises(CorruptTrial, match=r"result\.json: .*--retry"):
            Store(damaged.store.root, create=False).check(damaged.trials[DONE].signature)
    finally:
        damaged.restore()


@pytest.mark.parametrize("value", [1.5, -0.5, math.nan, True, "0.5", None])
def test_a_score_out_of_its_metric_s_range_is_no_score(value: object, damaged: Damaged) -> None:
    fields = unsealed(damaged.whole[damaged.result])
    fields["scores"]["dev"]["f1"]["value"] = value
    try:
        damaged.result.write_bytes(sealed(fields))
        with pytest.raises(CorruptTrial):
            Store(damaged.store.root, create=False).check(damaged.trials[DONE].signature)
    finally:
        damaged.restore()
