"""Studies that are no studies: one line with the place, in bounded time and memory."""

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest

from search_spaces import study
from search_spaces.errors import UserError
from search_spaces.study import load_study, parse_study
from search_spaces.study_file import MAX_BYTES

STUDY = """name: small
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {lr: [1e-3]}
"""
LETTERS = "abcdefghi"


def laughs(first: str, template: str) -> str:
    """Nine levels of aliases, each of which stands nine times in the next."""
    lines = [f"a: &a {first}"]
    for before, letter in pairwise(LETTERS):
        lines.append(f"{letter}: &{letter} {template.format(', '.join([f'*{before}'] * 9))}")
    return "\n".join(lines) + "\n"


LISTS = laughs("[x, x]", "[{}]")
MERGES = laughs("{x: 1}", "{{<<: [{}]}}")
BAD = {
    "aliases as tasks": (f"{LISTS}name: n\ntasks: *i\n", "line 6, column 4: more than 100,000"),
    "aliases as a name": (f"{LISTS}name: *i\n", "line 6, column 4: more than 100,000"),
    "aliases as an axis": (f"{LISTS}axes: {{lr: *i}}\n", "more than 100,000"),
    "aliases as includes": (f"{LISTS}includes: *i\n", "more than 100,000"),
    "aliases as overrides": (f"{LISTS}overrides: {{at: {{lr: *i}}}}\n", "more than 100,000"),
    "merged keys": (MERGES, "line 6, column 12: more than 100,000"),
    "an alias in itself": (f"x: &x [*x]\n{STUDY}", "line 1, column 4: it contains an alias"),
    "a short list of aliases": (f"x: &x [1]\ny: [*x, *x]\n{STUDY}", "unknown key 'x'"),
    "hex lr": (STUDY.replace("1e-3", f"0x{'f' * 20_000}"), "column 13: a number of 20,002"),
    "hex seed": (f"{STUDY}seeds: [0x{'f' * 20_000}]", "line 6, column 9: a number of 20,002"),
    "hex name": (f"name: 0x{'f' * 20_000}", "line 1, column 7: a number of 20,002"),
    "hex seed of 300": (f"{STUDY}seeds: [0x{'f' * 300}]", "seeds.0: input should be less than"),
    "digits": (STUDY.replace("1e-3", "9" * 20_000), "a number of 20,000 characters"),
    "quoted digits": (f"{STUDY}seeds: ['{'9' * 20_000}']", "seeds.0"),
    "base 60": (STUDY.replace("1e-3", f"1{':1' * 100_000}"), "a number of 200,001"),
    "a long key": (f"{STUDY}? {'k' * 100_000}\n: 1\n", "unknown key 'kkk"),
    "a long name": (STUDY.replace("small", "n" * 5_000), "at most 100 characters"),
    "bool": (f"{STUDY}epochs: !!bool x", "line 6, column 9: 'x' is not a valid bool"),
    "timestamp": (
        f"{STUDY}epochs: !!timestamp x",
        "line 6, column 9: 'x' is not a valid timestamp",
    ),
    "a 13th month": (
        f"{STUDY}epochs: 2026-13-01",
        "line 6, column 9: '2026-13-01' is not a valid timesta",
    ),
    "int": (f"{STUDY}epochs: !!int x", "line 6, column 9: 'x' is not a valid int"),
    "float": (f"{STUDY}epochs: !!float x", "line 6, column 9: 'x' is not a valid float"),
    "binary": (f"{STUDY}epochs: !!binary x", "line 6, column 9: failed to decode base64"),
    "object": (f"{STUDY}epochs: !!python/object:os.system x", "line 6, column 9: could not det"),
    "a list as key": (f"{STUDY}? [a]\n: b", "line 6, column 3: while constructing a mapping"),
    "a tab": (f"{STUDY}x:\n\ty: 1", "line 7, column 1: while scanning"),
    "NUL": (f"{STUDY}x: \0", r"line 6: '\x00' is not a text character"),
    "depth": ("[" * 100_000, "nested too deeply"),
    "nothing": ("", "expected keys and values, got nothing"),
    "infinite": (STUDY.replace("1e-3", ".inf"), "lr: input should be a finite number, got inf"),
    "not a number": (STUDY.replace("1e-3", ".nan"), "lr: input should be greater than 0, got nan"),
    "1e400": (STUDY.replace("1e-3", "1.0e+400"), "lr: input should be a finite number, got inf"),
    "seeds": (f"{STUDY}seeds: [0, 0]", "seeds contains 0 twice"),
    "tasks": (STUDY.replace("[library]", "[rte, rte]"), "tasks contains 'rte' twice"),
    "includes": ("name: n\nincludes: [table4, table4]", "includes contains 'table4' twice"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_study_is_one_short_line_with_its_place(name: str) -> None:
    text, message = BAD[name]
    began = time.monotonic()
    with pytest.raises(UserError) as said:
        parse_study(text, "s.yaml")
    assert time.monotonic() - began < 30  # About a second; a machine may be busy.
    line = str(said.value)
    assert line.startswith("study s.yaml: ")
    assert message in line
    assert len(line) < 800


def test_all_parts_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part was held against it alone, and aliases name one a thousand times."""
    monkeypatch.setattr(study, "MAX_TRIALS", 500)
    axes = f"{{lr: [1e-3], batch_size: {[*range(1, 301)]}}}"
    header = "name: n\ntasks: [library]\nencoders: [tiny]\nmethods: [standard]\n"
    with pytest.raises(
        UserError, match="part 2: 600 trials with the parts before it; more than 100,"
    ):
        parse_study(f"{header}parts:\n- &x {{axes: {axes}}}\n- *x\n", "s.yaml")


def refused(path: Path) -> str:
    with pytest.raises(UserError) as said:
        load_study(str(path))
    return str(said.value)


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    folder, pipe = tmp_path / "folder.yaml", tmp_path / "pipe.yaml"
    folder.mkdir()
    os.mkfifo(pipe)
    for path in (folder, pipe):
        assert "expected a regular file" in refused(path)
    assert "is a device" in refused(Path("/dev/../dev/zero"))
    assert refused(folder / "gone.yaml") == f"no study file {folder / 'gone.yaml'}"
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert "symbolic links" in refused(loop)
    assert "File name too long" in refused(tmp_path / ("n" * 5_000 + ".yaml"))


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    with path.open("wb") as file:
        file.truncate(2**40)
    assert "1,099,511,627,776 bytes, and at most 1 MB is read" in refused(path)
    path.write_text(f"{STUDY}{'#' * (MAX_BYTES - len(STUDY))}")
    assert len(load_study(str(path)).trials()) == 1


def test_other_encodings_are_told_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(f"{STUDY}description: naïve".encode("latin-1"))
    assert "line 6 is not UTF-8 text" in refused(path)
    path.write_bytes(STUDY.encode("utf-16"))
    assert "is UTF-16 text; save it as UTF-8" in refused(path)
    path.write_bytes(STUDY.encode("utf-8-sig"))
    assert load_study(str(path)).name == "small"


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "one.yaml").write_text(STUDY)
    (tmp_path / "two.yaml").write_text("name: two\nincludes: [~/one.yaml]\n")
    assert load_study("~/one.yaml").trials() == load_study("~/two.yaml").trials()
