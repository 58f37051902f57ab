"""A record's file: plain JSON with a checksum in front, and what version 1 wrote without one."""

import hashlib
import json
from pathlib import Path

import pytest

from search_spaces.errors import UserError
from tests.fakes import tiny_config
from tests.results import stopped
from tests.trainers.stored import sealed, unsealed
from trainers.records.outcome import PrunedRecord
from trainers.records.record import decode_record, encode_record
from trainers.records.store import Store
from trainers.records.store_mark import STORE_VERSION, StoreMark

RECORD = stopped(tiny_config(), 0.25, 0.5)


def test_a_record_is_plain_json_that_begins_with_its_checksum() -> None:
    data = encode_record(RECORD)
    fields = json.loads(data)
    assert [*fields][:2] == ["checksum", "version"]
    assert fields["checksum"] == hashlib.sha256(data[80:]).hexdigest()
    assert data[16:80].decode() == fields["checksum"]
    assert PrunedRecord.model_validate_json(json.dumps(unsealed(data))) == RECORD
    assert decode_record(PrunedRecord, data) == RECORD


def test_the_same_record_gives_the_same_bytes() -> None:
    again = decode_record(PrunedRecord, encode_record(RECORD))
    assert encode_record(again) == encode_record(RECORD)
    assert sealed(json.loads(RECORD.model_dump_json())) == encode_record(RECORD)


def test_a_record_of_version_1_has_no_checksum_and_only_that_may_lack_one() -> None:
    fields = unsealed(encode_record(RECORD))
    old = fields | {"version": 1}
    assert decode_record(PrunedRecord, json.dumps(old).encode()).version == 1
    for wrong, what in (
        (json.dumps(fields).encode(), "without a checksum"),
        (json.dumps(fields | {"version": 3}).encode(), "version 3"),
        (json.dumps({k: v for k, v in old.items() if k != "version"}).encode(), "version 2"),
        (sealed(old), "version 1"),
        (sealed(fields | {"version": 3}), "version 3"),
    ):
        with pytest.raises(ValueError, match=what):
            decode_record(PrunedRecord, wrong)


def test_what_is_wrong_with_a_record_is_one_line_with_its_place() -> None:
    fields = unsealed(encode_record(RECORD))
    fields["epochs"][1]["score"] = "high"
    with pytest.raises(ValueError, match=r"^epochs\.1\.score: [^\n]*$"):
        decode_record(PrunedRecord, sealed(fields))


def write_mark(store: Store, **fields: object) -> Path:
    path = store.root / "store.json"
    path.write_text(json.dumps(fields))
    return path


def test_an_older_store_is_raised_by_whoever_writes_and_stays_itself(tmp_path: Path) -> None:
    store = Store(tmp_path, create=True)
    path = write_mark(store, version=1, identity=store.mark.identity)
    before = path.read_bytes()
    assert Store(tmp_path, create=False).mark.version == 1
    assert path.read_bytes() == before, "a reader changes nothing"
    raised = Store(tmp_path, create=True).mark
    assert raised == store.mark
    assert Store(tmp_path, create=False).mark == raised
    assert raised.version == STORE_VERSION == 2


def test_an_older_program_can_read_that_it_is_too_old(tmp_path: Path) -> None:
    """It takes these two keys and no other."""
    Store(tmp_path, create=True)
    fields = json.loads((tmp_path / "store.json").read_bytes())
    assert [*fields] == ["version", "identity"]
    assert fields["version"] == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2, "identity": "0" * 32},
        {"version": 1, "identity": "0" * 31},
        {"version": 1, "identity": "0" * 32 + "-" + "0" * 16},
        {"version": 0, "identity": "0" * 32},
        {"version": "2", "identity": "0" * 32},
        {"identity": "0" * 32},
        [],
    ],
)
def test_a_mark_that_says_nothing_is_refused(fields: object, tmp_path: Path) -> None:
    store = Store(tmp_path, create=True)
    (store.root / "store.json").write_text(json.dumps(fields))
    for create in (False, True):
        with pytest.raises(UserError, match="is not a valid store mark"):
            Store(tmp_path, create=create)


def test_a_mark_of_a_newer_version_is_known_whatever_else_it_says(tmp_path: Path) -> None:
    store = Store(tmp_path, create=True)
    write_mark(store, version=STORE_VERSION + 1, identity="x", more=[1])
    with pytest.raises(UserError, match="update catsweep"):
        Store(tmp_path, create=True)
    assert StoreMark(version=2, identity="x").identity == "x"
