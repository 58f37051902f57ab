"""The record of a search survives, is kept once, and is refused when it cannot be read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from search_spaces.cells import Sampling
from search_spaces.errors import UserError
from trainers.records.searches import (
    CellDraw,
    SearchRecord,
    digest_trials,
    keep_search,
    read_searches,
)
from trainers.records.store import Store


def record(kind: Sampling = "random", drawn: tuple[str, ...] = ("b", "a")) -> SearchRecord:
    cell = CellDraw(
        task="rte", encoder="tiny", method="cat", grid=digest_trials("abc"), drawn=drawn
    )
    return SearchRecord(
        study="s", search=kind, kind=kind, scheduler="fifo", budget=2, seed=7, cells=(cell,)
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", create=True)


def test_a_store_without_searches_has_none(store: Store) -> None:
    assert read_searches(store) == []


def test_records_come_back_and_the_same_one_is_kept_once(store: Store) -> None:
    one, other = record(), record("adaptive")
    for entry in (one, other, one, record()):
        keep_search(store, entry)
    again = read_searches(Store(store.root, create=False))
    assert len(again) == 2
    assert {entry.kind: entry for entry in again} == {"random": one, "adaptive": other}
    assert read_searches(store) == again


def test_another_draw_is_another_record(store: Store) -> None:
    for drawn in (("a", "b"), ("a", "b", "c"), ("b", "a")):
        keep_search(store, record(drawn=drawn))
    assert len(read_searches(store)) == 3


def test_a_record_is_not_written_again(store: Store) -> None:
    keep_search(store, record())
    (path,) = (store.root / "searches").iterdir()
    before = path.stat()
    keep_search(store, record())
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_digest_names_a_set_of_trials() -> None:
    assert digest_trials(["b", "a"]) == digest_trials(iter(["a", "b"]))
    names = {digest_trials(part) for part in (["a"], ["a", "b"], ["ab"], ["a\nb", "c"], [])}
    assert len(names) == 5
    assert all(len(name) == 12 and int(name, 16) >= 0 for name in names)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text.replace('"random"', '"lucky"'),
        lambda text: text.replace('"seed"', '"sead"'),
        lambda text: text[:0],
    ],
)
def test_a_damaged_record_is_one_line_that_says_what_to_do(
    damage: Callable[[str], str], store: Store
) -> None:
    keep_search(store, record())
    (path,) = (store.root / "searches").iterdir()
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError, match=rf"{path.name} is not a valid record") as caught:
        read_searches(store)
    assert "\n" not in str(caught.value)
    assert "restore the file" in str(caught.value)
