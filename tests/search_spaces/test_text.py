"""Text from outside in messages: one clean, short line, in bounded time."""

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import UserError, unknown_name
from search_spaces.text import MESSAGE_WIDTH, NAME_WIDTH, clean, one_line, quoted, shorten, unquoted

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=300)


def aliases(depth: int) -> object:
    """A list that holds itself's like nine times at each level, as YAML's aliases can say."""
    value: object = "x"
    for _ in range(depth):
        value = [value] * 9
    return value


@given(ANYTHING)
def test_what_is_shown_is_one_line_that_any_terminal_takes(text: str) -> None:
    for said in (unquoted(text), quoted(text), one_line(text)):
        assert said.isprintable()
        said.encode()


@given(ANYTHING)
def test_plain_text_stays_as_it_is(text: str) -> None:
    plain = " ".join("".join(c for c in text if c.isprintable()).split())
    assert one_line(plain) == plain
    assert clean(plain) == plain


@given(
    st.recursive(
        st.text() | st.integers() | st.floats() | st.none() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_is_quoted_in_a_short_line(value: object) -> None:
    assert len(quoted(value)) <= NAME_WIDTH
    assert quoted(value).isprintable()


def test_terminal_escapes_have_no_power() -> None:
    assert clean("\x1b[31mred\x9b2J\u202eevil\ud800") == (r"\x1b[31mred\x9b2J\u202eevil\ud800")
    assert clean("two\nlines") == "two\nlines"


def test_what_aliases_grow_to_is_not_written() -> None:
    began = time.monotonic()
    assert len(quoted(aliases(30))) <= NAME_WIDTH
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("number", [16**20_000 - 1, -(16**20_000)], ids=["plus", "minus"])
def test_a_number_beyond_what_python_writes_is_told_by_its_size(number: int) -> None:
    assert len(hex(number)) > sys.get_int_max_str_digits()
    assert "bits" in quoted(number)


def test_an_error_is_one_short_line_whatever_is_in_it() -> None:
    error = UserError(f"a\x1b[2J\n{'x' * 10**6}: remedy")
    assert len(str(error)) <= MESSAGE_WIDTH
    assert str(error).startswith(r"a\x1b[2J xxx")
    assert str(error).endswith("xxx: remedy")
    assert len(str(unknown_name("thing", "n" * 10**6, ["k" * 10**6]))) <= MESSAGE_WIDTH


def test_the_middle_is_left_out() -> None:
    assert shorten("abcdefghijkl", 12) == "abcdefghijkl"
    assert shorten("abcdefghijklm", 12) == "abcde ... lm"
    assert one_line(ValueError()) == "ValueError"
