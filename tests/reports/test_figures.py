import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from reports.page.curve_figures import budget_figure, training_curves_figure
from reports.page.drawing import SETTINGS, printable
from reports.page.figures import CAPTIONS, draw_figures, figures_of_cell
from reports.page.heatmap import Heatmap, build_heatmap
from reports.page.importance import compute_importance
from reports.page.pictures import CellPictures, Pictures, build_pictures
from reports.page.settings_figures import heatmap_figure, importance_figure, parallel_figure
from reports.page.styles import find_style
from search_spaces.cells import group_by_cell
from search_spaces.methods import METHODS
from tests.reports.landscapes import landscape
from tests.reports.pages import Site, build_site
from tests.reports.stores import read_cells
from tests.reports.test_styles import contrast
from trainers.records.metrics import Values

AXES = {"lr": (1e-5, 2e-5), "epsilon": (0.1, 0.2, 0.4), "tau": (0.05, 0.1), "lambda": (0.1, 0.3)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def pictures(site: Site) -> Pictures:
    trials = [trial for trial in site.study.trials() if trial.task == "rte"]
    wanted = group_by_cell(site.study, trials)
    return build_pictures("hostile", wanted, read_cells(trials, site.store))


@pytest.fixture(scope="module")
def files(pictures: Pictures) -> dict[str, bytes]:
    return draw_figures(pictures)


def ys(line: Line2D) -> Values:
    return np.asarray(line.get_ydata(), dtype=np.float64)


def test_every_picture_of_the_page_is_there_twice(
    files: dict[str, bytes], pictures: Pictures
) -> None:
    stems = {name.rpartition(".")[0] for name in files if name != CAPTIONS}
    assert len(files) == 2 * len(stems) + 1
    kinds = [stem.split("-")[0] for stem in stems]
    learning_rates = 2
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "heatmap": 2 + 2 * learning_rates,
        "parallel": 4,
        "importance": 2,  # of standard only lr varies
        "budget": 1,  # the other task has a method with two settings alone
        "curves": 2,
    }
    assert "heatmap-rte-tiny-cat-lr-2e-05" in stems


def test_hostile_names_make_harmless_files(files: dict[str, bytes]) -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9]+([.-][A-Za-z0-9]+)*", name) for name in files)
    assert len({name.lower() for name in files}) == len(files)


def test_no_picture_takes_anothers_file_and_every_disk_takes_the_name(pictures: Pictures) -> None:
    encoders = ["a b", "a-b", "a-b-2", f"/home/{'e' * 300}/last"]
    budgets = tuple(replace(pictures.budgets[0], encoder=encoder) for encoder in encoders)
    drawn = draw_figures(replace(pictures, cells=(), budgets=budgets, curves=()))
    stems = [name.removesuffix(".pdf") for name in drawn if name.endswith(".pdf")]
    assert stems[:3] == ["budget-rte-a-b", "budget-rte-a-b-2", "budget-rte-a-b-2-2"]
    assert stems[3].startswith("budget-rte-home-eee")
    assert stems[3].endswith("eee-last")
    assert len(stems[3]) < 200


def test_letters_in_a_pdf_are_embedded_as_truetype(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        if name.endswith(".pdf"):
            assert content.startswith(b"%PDF-1.4")
            assert b"/Type3" not in content
            assert content.count(b"/FontFile2") >= 1
            fonts = re.findall(rb"/Type /Font\b", content)
            kinds = re.findall(rb"/Subtype /(Type0|CIDFontType2|TrueType)\b", content)
            assert len(fonts) == len(kinds) > 0
            assert b"CreationDate" not in content


def test_a_png_has_its_resolution_and_no_version(files: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in files.items():
        if name.endswith(".png"):
            assert b"Software" not in content
            path = tmp_path / name
            path.write_bytes(content)
            height, width = imread(path).shape[:2]
            assert min(height, width) > 200
            assert np.ptp(imread(path)[..., :3]) == 1  # ink on white


def test_the_same_pictures_give_the_same_bytes_whatever_the_settings(
    pictures: Pictures, files: dict[str, bytes]
) -> None:
    few = replace(
        pictures,
        cells=pictures.cells[1:2],
        budgets=pictures.budgets[:1],
        curves=pictures.curves[:1],
    )
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 5, "pdf.fonttype": 3}):
        again = draw_figures(few)
        assert mpl.rcParams["font.size"] == 20
    assert len(again) == 2 * (2 + 1 + 1 + 1 + 1) + 1
    same = [name for name, content in again.items() if files[name] == content]
    assert {name for name in again if "curves" not in name and name != CAPTIONS} <= set(same)


def corner(patch: Patch) -> tuple[float, float]:
    assert isinstance(patch, Rectangle)
    return patch.get_xy()


def test_a_heatmap_prints_each_score_and_frames_the_best() -> None:
    of = build_heatmap(landscape(AXES, lambda *p: None if p == (1, 1, 0, 0) else sum(p) / 10))
    assert of is not None
    figure = heatmap_figure(of, 1)
    *panels, bar = figure.axes
    assert [axes.get_title() for axes in panels] == ["tau 0.05", "tau 0.1"]
    for panel, axes in enumerate(panels):
        image = axes.images[0].get_array()
        assert image is not None
        shown = np.ma.filled(image, np.nan)
        np.testing.assert_allclose(shown, 100 * of.scores[1, panel])
        printed = {t.get_position(): t.get_text() for t in axes.texts}
        for (row, column), score in np.ndenumerate(of.scores[1, panel]):
            expected = None if np.isnan(score) else f"{100 * score:.1f}"
            assert printed.get((column, row)) == expected
    framed = [[corner(p) for p in axes.patches if not p.get_hatch()] for axes in panels]
    assert framed == [[], [(1.5, 0.5)]]
    hatched = [[corner(p) for p in axes.patches if p.get_hatch()] for axes in panels]
    assert hatched == [[(0.5, -0.5)], []]
    assert bar.get_ylabel() == "accuracy on dev, %"
    other = heatmap_figure(of, 0).axes[0].images[0].get_clim()
    assert other == panels[0].images[0].get_clim()  # all pages are on one scale
    assert other == (0, 100 * np.nanmax(of.scores))


def test_a_heatmap_of_means_says_over_what() -> None:
    seeds = build_heatmap(landscape({"lr": (1, 2), "seed": (0, 1)}, lambda *p: sum(p) / 10))
    one = build_heatmap(landscape({"lr": (1, 2)}, lambda lr: lr / 10))
    assert seeds is not None
    assert one is not None
    captions = [of_cell(of) for of in (seeds, one)]
    assert all(caption.startswith("rte, tiny, cat: accuracy on dev") for caption in captions)
    assert captions[0].endswith("Each number is a mean over seed.")
    assert "mean" not in captions[1]


def of_cell(of: Heatmap) -> str:
    """The caption of a heatmap's figure."""
    cell = CellPictures(landscape=of.landscape, heatmap=of, importance="")
    nothing = Pictures(study="s", wanted=0, wanted_cells=0, cells=(), budgets=(), curves=())
    (drawn,) = (one for one in figures_of_cell(cell, nothing) if one.name.startswith("heatmap"))
    return drawn.caption


def test_equal_scores_are_all_the_best_of_a_scale_with_two_ends() -> None:
    of = build_heatmap(landscape({"lr": (1, 2)}, lambda lr: 0.81227 + lr * 1e-15))
    assert of is not None
    panel, bar = heatmap_figure(of, 0).axes
    assert panel.images[0].get_clim() == pytest.approx((81.127, 81.227))
    assert bar.yaxis.get_major_formatter().get_offset() == ""
    assert {to_hex(panel.images[0].cmap(share)) for share in (0.999, 1.0)} == {"#fee838"}


@pytest.mark.parametrize("share", np.linspace(0, 1, 41).tolist())
def test_a_score_can_be_read_on_its_shade(share: float) -> None:
    of = build_heatmap(landscape({"lr": range(3)}, lambda lr: [0.0, share, 1.0][lr]))
    assert of is not None
    axes = heatmap_figure(of, 0).axes[0]
    shade = to_hex(axes.images[0].cmap(share))
    assert contrast(to_hex(axes.texts[1].get_color()), shade) >= 4.5


def test_importance_bars_are_as_long_as_their_shares() -> None:
    of = landscape(AXES, lambda lr, eps, tau, lam: 0.1 * lr + 0.02 * eps * tau + 0.03 * lam)
    found = compute_importance(of)
    (axes,) = importance_figure(of, found).axes
    together, alone = axes.containers
    assert [bar.get_width() for bar in alone] == [100 * share.alone for share in found.shares]
    wide = [100 * (share.together or 0) for share in found.shares]
    assert [bar.get_width() for bar in together] == wide
    assert [label.get_text() for label in axes.get_yticklabels()] == [s.axis for s in found.shares]
    assert {to_hex(bar.get_facecolor()) for bar in alone} == {find_style("cat").light}


def test_budget_curves_and_bands_are_drawn_as_they_are(pictures: Pictures) -> None:
    of = pictures.budgets[0]
    (axes,) = budget_figure(of).axes
    lines = {str(line.get_label()): line for line in axes.lines}
    for curve in of.curves:
        line = lines[curve.method]
        np.testing.assert_array_equal(line.get_xdata(), curve.n)
        np.testing.assert_allclose(ys(line), 100 * curve.expected)
        assert to_hex(line.get_color()) == find_style(curve.method).light
        assert line.get_marker() == find_style(curve.method).marker
    banded = [curve for curve in of.curves if curve.method in of.banded]
    assert len(banded) == 2
    for curve, band in zip(banded, axes.collections, strict=True):
        edges = np.asarray(band.get_paths()[0].vertices)[:, 1]
        assert edges.min() == pytest.approx(100 * curve.low.min())
        assert edges.max() == pytest.approx(100 * curve.high.max())
    low, high = axes.get_ylim()
    every = np.concatenate([100 * curve.expected for curve in of.curves])
    assert low < every.min()
    assert high > every.max()


def test_parallel_coordinates_have_a_line_per_trial_the_best_on_top() -> None:
    of = landscape(AXES, lambda *places: sum(places) / 10)
    (axes,) = parallel_figure(of).axes
    trials = axes.lines[: len(of.trials)]
    ends = [ys(line)[-1] for line in trials]
    assert all(a <= b for a, b in pairwise(ends))
    np.testing.assert_allclose(ys(trials[-1]), [1, 1, 1, 1, 1])
    assert trials[-1].get_linewidth() > trials[0].get_linewidth()
    texts = [text.get_text() for text in axes.texts]
    assert texts[:2] == ["1e-05", "2e-05"]
    assert texts[-3:] == ["0.0", "25.0", "50.0"]


def test_parallel_coordinates_of_equal_scores_and_of_many_trials() -> None:
    (axes,) = parallel_figure(landscape(AXES, lambda *_: 0.5)).axes
    assert [text.get_text() for text in axes.texts].count("50.0") == 1
    many = landscape({"lr": range(50), "epsilon": range(50)}, lambda a, b: (a + b) / 100)
    (axes,) = parallel_figure(many).axes
    assert len(axes.lines) == 400 + 3
    assert ys(axes.lines[0])[-1] == 0
    assert ys(axes.lines[399])[-1] == 1


def test_loss_curves_are_of_one_trial_per_method(pictures: Pictures) -> None:
    best = [pictures.curves[0], next(c for c in pictures.curves if c.method == "cat")]
    losses, scores = training_curves_figure(best).axes
    assert len(losses.lines) == len(best)
    assert [line.get_label() for line in scores.lines] == ["standard", "cat"]
    for line, curve in zip(scores.lines, best, strict=True):
        np.testing.assert_allclose(ys(line), 100 * np.array(curve.scores))
        assert to_hex(line.get_color()) == find_style(curve.method).light


@pytest.mark.parametrize("option", ["", " norm=mix", " perturb=embedding norm=mix"])
def test_a_legend_hides_no_curve(pictures: Pictures, option: str) -> None:
    losses: dict[str, tuple[float, ...]] = {"loss": (0.5,), "contrast_of_pairs": (0.1,)}
    methods = [f"{method}{option}" for method in METHODS]
    many = [replace(pictures.curves[0], method=method, losses=losses) for method in methods]
    budget = pictures.budgets[0]
    curves = tuple(replace(budget.curves[0], method=method) for method in methods)
    with mpl.rc_context(SETTINGS):
        drawn = training_curves_figure(many), budget_figure(replace(budget, curves=curves))
        for figure in drawn:
            FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    for figure in drawn:
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert box.y0 >= 0
        for axes in figure.axes:
            assert axes.get_legend() is None
            assert box.y1 <= axes.get_window_extent().y0
            assert axes.get_window_extent().height > 1.2 * figure.dpi


def test_names_print_as_themselves_and_lacking_letters_as_code_points() -> None:
    assert printable("a_b & 50% #1 {x} \\cmd ~ ^ ü $y$ <script>") == (
        "a_b & 50% #1 {x} \\cmd ~ ^ ü $y$ <script>"
    )
    assert printable("中\n\U0001f680") == "U+4E2DU+000AU+1F680"
