"""A file that a user brings is regular and text, or one line says what it is instead."""

import gzip
import io
import itertools
import os
import socket
import time
import zipfile
from pathlib import Path

import pytest

from search_spaces.errors import UserError
from search_spaces.input_files import expand_home, open_input, read_lines


def complaint(path: Path) -> str:
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        list(read_lines(path))
    assert time.monotonic() - start < 5
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(f"{path}: ")
    return said


def test_lines_keep_their_ends_and_lose_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("\ufeffa\nb\r\nc\rd\u2028e\n\n".encode())
    assert list(read_lines(path)) == ["a\n", "b\r\n", "c\r", "d\u2028e\n", "\n"]
    path.write_bytes(b"")
    assert list(read_lines(path)) == []


def test_what_is_no_regular_file_is_named_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # A socket's path may have 107 bytes.
    os.mkfifo("pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for name, kind in (("pipe", "pipe"), ("link", "pipe"), ("socket", "socket")):
            assert f"is a {kind}, expected a regular file" in complaint(tmp_path / name)
    assert "is a folder, expected a regular file" in complaint(tmp_path / "folder")
    assert "is a device, expected a regular file" in complaint(Path("/dev/null"))


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for path, why in (
        (tmp_path / "absent", "No such file"),
        (tmp_path / "loop", "Too many levels of symbolic links"),
        (tmp_path / "file" / "below", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        assert why in complaint(path)
    with pytest.raises(UserError, match="null"):
        open_input(Path("a\0b"))


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run git lfs pull"),
        (zipped(), "a ZIP archive, as Excel's files are"),
        (gzip.compress(b"text,label\n"), "compressed by gzip; unpack it"),
        (b"\n <!DOCTYPE html>\n<html>", "an HTML page"),
        (b"<HTML lang='en'>", "an HTML page"),
        ("text,label\n".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        (b"\xfe\xff\x00t", "UTF-16 text; save it as UTF-8"),
        ("text,label\n".encode("utf-16-le"), "holds NUL bytes"),
        (b"PAR1\x15\x04\x15", "a Parquet file"),
        (b"a\n" * 5_000 + b"b\0\n", "line 5001 holds a NUL byte"),
        (b"a\n" * 50_000 + b"caf\xe9\n", "line 50001 is not UTF-8 text"),
        (b"a\r" * 50_000 + b"b\r\n\xff", "line 50002 is not UTF-8 text"),
    ],
    ids=itertools.count(),  # An archive holds the time, and two workers would name it twice.
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    assert said in complaint(path)


def test_text_about_such_files_is_text(tmp_path: Path) -> None:
    path = tmp_path / "text"
    for text in ("version https://example.org\n", "PAR1,label\n", "PK,label\n", "a <html>\n"):
        path.write_text(text)
        assert list(read_lines(path)) == [text]


def test_home_is_expanded_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert expand_home(Path("~/data")) == Path("/somewhere/data")
    assert expand_home(Path("data/~")) == Path("data/~")
    assert expand_home(Path("~nobody-of-that-name/data")) == Path("~nobody-of-that-name/data")
