"""Any text and any structure is a study or one line: no other exception, in bounded time."""

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_spaces.errors import UserError
from search_spaces.methods import METHODS
from search_spaces.part import Part
from search_spaces.study import Study, list_shipped_studies, parse_study
from search_spaces.text import MESSAGE_WIDTH
from search_spaces.trial import training_names

FOLDER = resources.files("search_spaces") / "studies"
SMALL = [name for name in list_shipped_studies() if name.endswith("-mini") or name == "quickstart"]
TEXTS = [(FOLDER / f"{name}.yaml").read_text("utf-8") for name in SMALL]
KEYS = sorted(
    {
        *(*Study.model_fields, *Part.model_fields, *training_names(), "lr", "seed", "includes"),
        *(option for method in METHODS for option in METHODS[method].options),
    }
)
WORDS = [*KEYS, *METHODS, "library", "rte", "tiny", "last", "dev", "heldout", "quickstart"]
PIECES = [
    *("&a", "*a", "<<", "!!bool", "!!int", "!!timestamp", "!!set", "!!binary", "0x", "1e-3", "..."),
    *(
        ": ",
        "- ",
        "? ",
        "| ",
        "> ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\n",
        "\n  ",
        "'",
        '"',
        "#",
        "%",
        "==",
    ),
    *("\t", "\0", "\ufeff", "\x85", "\u2028", "٣", "1:1", "~", "1_0", "2026-13-01", "---", ".inf"),
]

Scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
    | st.dates()
    | st.binary(max_size=4)
)
Values = st.recursive(
    Scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | Scalars, inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A shipped study of which some places are cut out, doubled or replaced."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.integers(0, 12)))
        new = draw(st.sampled_from([*PIECES, *WORDS]) | st.just(text[begin:end] * 2))
        text = text[:begin] + new + text[end:]
    return text


@st.composite
def aliased(draw: st.DrawFn) -> str:
    """Keys whose values name each other, some of them many times, in front of a study."""
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True))
    lines = []
    for place, name in enumerate(names):
        known = names[: place + 1] if draw(st.booleans()) else names[:place]
        inner = draw(st.lists(st.sampled_from(known), max_size=12)) if known else []
        form = draw(st.sampled_from(["[{}]", "{{<<: [{}]}}", "{{? [{}] : 1}}"]))
        lines.append(f"{name}: &{name} {form.format(', '.join(f'*{one}' for one in inner))}")
    key, last = draw(st.sampled_from(KEYS)), names[-1]
    return "\n".join([*lines, f"{key}: *{last}", draw(st.sampled_from(TEXTS))])


@st.composite
def replaced(draw: st.DrawFn) -> str:
    """A shipped study of which one value is any structure, or an axis any list."""
    fields: dict[Any, Any] = yaml.safe_load(draw(st.sampled_from(TEXTS)))
    place = draw(st.sampled_from(["top", "axes", "overrides"]))
    inside = fields if place == "top" else fields.setdefault(place, {})
    if isinstance(inside, dict):
        inside[draw(st.sampled_from(KEYS) | Scalars)] = draw(Values)
    return dumped(fields)


def dumped(value: object) -> str:
    return yaml.safe_dump(value, allow_unicode=True, default_flow_style=None)


TEXT: dict[str, st.SearchStrategy[str]] = {
    "any text": st.text(st.characters(exclude_categories=()), max_size=200),
    "pieces of YAML": st.lists(st.sampled_from([*PIECES, *WORDS]), max_size=40).map("".join),
    "any structure": st.dictionaries(st.sampled_from(KEYS), Values, max_size=6).map(dumped),
    "a value replaced": replaced(),
    "a study mutated": mutated(),
    "aliases": aliased(),
}


def is_a_study_or_one_line(text: str) -> None:
    try:
        study = parse_study(text, "s.yaml")
    except UserError as error:
        line = str(error)
    else:
        assert len(study.trials()) <= sum(sum(part.count_trials().values()) for part in study.parts)
        return
    assert line.startswith("study s.yaml: ")
    assert len(line) <= MESSAGE_WIDTH
    assert line.isprintable()


def run(check: Callable[[str], None], kind: str, examples: int) -> None:
    bounded = settings(
        max_examples=examples, deadline=30_000, suppress_health_check=list(HealthCheck)
    )
    bounded(given(TEXT[kind])(check))()


@pytest.mark.parametrize("kind", TEXT)
def test_any_text_is_a_study_or_one_line(kind: str) -> None:
    run(is_a_study_or_one_line, kind, 10)


@pytest.mark.full
@pytest.mark.parametrize("kind", TEXT)
def test_two_thousand_texts_are_studies_or_one_line(kind: str) -> None:
    run(is_a_study_or_one_line, kind, 2_000 // len(TEXT) + 1)
