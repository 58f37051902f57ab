"""Pictures must survive a grey printer and the three kinds of dichromacy."""

import json
import re
from itertools import combinations

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest

from reports.page.page import asset
from reports.page.settings_figures import SHADES
from reports.page.styles import OTHERS, VARIANTS, choose_styles, find_style
from search_spaces.cells import group_by_cell
from search_spaces.methods import METHODS
from search_spaces.study import load_study

Colour = npt.NDArray[np.float64]

# Machado, Oliveira and Fernandes (2009), table 1, severity 1.0: on linear RGB.
SEEN: dict[str, Colour] = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> Colour:
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: Colour) -> Colour:
    ratios = TO_XYZ @ np.clip(rgb, 0, 1) / (TO_XYZ @ np.ones(3))
    f = np.where(ratios > (6 / 29) ** 3, np.cbrt(ratios), ratios * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, eyes: str) -> float:
    """CIE76: about 2 is just noticeable."""
    both = [lab(SEEN[eyes] @ linear(colour)) for colour in (one, other)]
    return float(np.linalg.norm(both[0] - both[1]))


def contrast(one: str, other: str) -> float:
    """WCAG 2's."""
    low, high = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


STYLES = {name: find_style(name) for name in METHODS}


def test_every_method_has_its_own_look() -> None:
    for one, other in combinations(STYLES.values(), 2):
        assert one.marker != other.marker
        assert one.hatch != other.hatch


def test_variants_have_the_method_s_colour_and_lines_of_their_own() -> None:
    """Those of the paper's tables, by the first option that is named."""
    names = [
        "cat",
        *(method for _, _, method in group_by_cell(load_study("paper")) if " " in method),
    ]
    assert {name.split()[1].split("=")[0] for name in names[1:]} == set(VARIANTS)
    assert {find_style(name).light for name in names} == {STYLES["cat"].light}
    assert len({find_style(name).dashes for name in names}) == len(VARIANTS) + 1


def test_methods_without_looks_get_some_that_no_other_has() -> None:
    found = choose_styles(["standard", "Focal", "Mixup", "Focal norm=mix"], {"Mixup": None})
    assert found["standard"] == STYLES["standard"]
    assert (found["Focal"], found["Mixup"]) == OTHERS[:2]
    assert found["Focal norm=mix"].marker == found["Focal"].marker
    for one, other in combinations([*STYLES.values(), *OTHERS], 2):
        assert one.marker != other.marker
        assert one.hatch != other.hatch
    assert choose_styles(["Focal"], {"Focal": OTHERS[3]})["Focal"] == OTHERS[3]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_stand_out_from_the_paper(scheme: str) -> None:
    paper = {"light": "#ffffff", "dark": "#16171a"}[scheme]
    for name, style in STYLES.items():
        assert contrast(getattr(style, scheme), paper) >= 4.5, name


@pytest.mark.parametrize("eyes", sorted(SEEN))
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_papers_three_methods_are_told_apart_by_colour(scheme: str, eyes: str) -> None:
    colours = [getattr(STYLES[name], scheme) for name in ("standard", "at", "cat")]
    for one, other in combinations(colours, 2):
        assert distance(one, other, eyes) > 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_looks_alike_in_grey_or_to_anyone_differs_in_its_dashes(scheme: str) -> None:
    for (name, one), (twin, other) in combinations(STYLES.items(), 2):
        pair = getattr(one, scheme), getattr(other, scheme)
        grey = abs(lab(linear(pair[0]))[0] - lab(linear(pair[1]))[0])
        if grey < 15 or min(distance(*pair, eyes) for eyes in SEEN) < 15:
            assert one.dashes != other.dashes, (name, twin)


@pytest.mark.parametrize("eyes", sorted(SEEN))
def test_shades_of_scores_grow_lighter_throughout(eyes: str) -> None:
    """Cividis, in the figures and at the five places of the page's scale."""
    places = np.linspace(0, 1, 65)
    shades = np.array([mpl.colormaps[SHADES](place)[:3] for place in places])
    listed = re.search(r"SCALE = (\[\[.*?\]\]);", asset("base.js"))
    assert listed
    page = np.array(json.loads(listed[1])) / 255
    np.testing.assert_allclose(page, shades[::16], atol=0.01)
    for scale in (shades[::4], page):
        hexes = ["#" + "".join(f"{round(255 * part):02x}" for part in shade) for shade in scale]
        lightness = [lab(SEEN[eyes] @ linear(colour))[0] for colour in hexes]
        assert np.all(np.diff(lightness) > 0)
