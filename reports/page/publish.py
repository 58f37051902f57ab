"""Write the page and the figures of a study next to its tables.

In: a study's `Results`, its reports, and the folder with the texts. Out: files.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reports.page.examples import find_discordant
from reports.page.facts import gather_facts
from reports.page.forest import build_forests
from reports.page.page import build_page
from reports.page.pictures import Pictures, build_pictures
from reports.page.texts import Texts
from reports.results.class_counts import count_classes
from reports.results.failures import read_failures
from reports.results.folder import Folder
from reports.results.results import Results
from reports.tables.report import Report
from search_spaces.display_names import DisplayNames
from trainers.records.files import write_file


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What to write besides the tables.

    `data` is the folder with the texts, `worth` the smallest gain that matters (0 .. 1).
    `all_figures` adds the figures that are left out by default. The page shows the `command` that
    wrote it.
    """

    html: bool
    figures: bool
    data: Path | None
    all_figures: bool = False
    command: str = ""
    intervals: bool = False
    worth: float | None = None


@dataclass(frozen=True, kw_only=True)
class Published:
    """The files written, and remarks on what could not be written."""

    files: tuple[Path, ...]
    lacking: tuple[str, ...]


def publish(
    results: Results,
    reports: Sequence[Report],
    folder: Path,
    extras: Extras,
) -> Published:
    """Write `STUDY.html`, and `figures/` with PDFs, PNGs and captions, as requested.

    Raises:
        CorruptTrial: a trial's files are truncated or altered.
        OSError: the folder cannot be written.
    """
    study, store, lacking = results.study, results.store, list[str]()
    files: dict[Path, bytes] = {}
    if extras.html or extras.figures:
        pictures = build_pictures(
            study.name,
            results.trials,
            results.cells,
            _display_names(results),
            partial(count_classes, store=store) if extras.html else None,
        )
    if extras.html:
        labels = {
            cell.task: cell.finished[0].record.labels for cell in results.cells if cell.finished
        }
        examples = find_discordant(reports, labels, Texts(extras.data, study.known_tasks))
        page = build_page(
            pictures,
            reports,
            examples,
            read_failures(study.trials(), store),
            gather_facts(results.cells, extras.command),
            extras.worth,
        )
        files[folder / f"{study.name}.html"] = page.encode()
        without = dict.fromkeys(found.no_texts for found in examples if found.no_texts)
        lacking += [f"examples without their texts: {reason}" for reason in without]
    if extras.figures:
        # Matplotlib warns if it has to keep its cache in a temporary folder.
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
        from reports.page.figures import draw_figures

        drawn = draw_figures(
            pictures,
            build_forests(reports, pictures.labels),
            every=extras.all_figures,
            worth=extras.worth,
        )
        files |= {folder / "figures" / name: content for name, content in drawn.items()}
        lacking += [] if drawn else ["no figures: no trial is finished"]
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content, sync=False)
    return Published(files=tuple(files), lacking=tuple(lacking))


def _display_names(results: Results) -> dict[str, str]:
    """Return the display names of tasks, encoders and methods."""
    names = DisplayNames(labels=results.study.display_names)
    used = {name for cell in results.cells for name in (cell.encoder, cell.method)}
    tasks = {cell.task: names.task(cell.definition) for cell in results.cells}
    return {name: names(name) for name in used} | tasks


def folder_page(folder: Folder, report: Report, worth: float | None = None) -> bytes:
    """Write the page of predictions of other programs, without trials and texts."""
    labels = {task.name: task.labels for task in folder.tasks}
    pictures = Pictures(
        study=folder.name, wanted=0, wanted_cells=0, cells=(), budgets=(), curves=(), given=True
    )
    examples = find_discordant([report], labels, Texts(None, {}))
    return build_page(pictures, [report], examples, [], worth=worth).encode()
