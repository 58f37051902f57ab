"""Writes the page and the figures of a study beside its tables.

In: a study's `Results`, its reports, and where texts may be. Out: files.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reports.page.examples import discordant_examples
from reports.page.facts import gather_facts
from reports.page.forest import forests
from reports.page.page import build_page
from reports.page.pictures import Pictures, draw_up
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
    """What is wanted beside plain tables; `data` is the folder in which texts are looked for,
    `worth` the smallest gain that matters (0 .. 1). Of the figures there are few or, with
    `all_figures`, every one. The page names the `command` that wrote it."""

    html: bool
    figures: bool
    data: Path | None
    all_figures: bool = False
    command: str = ""
    intervals: bool = False
    worth: float | None = None


@dataclass(frozen=True, kw_only=True)
class Published:
    """The files written, and in words what was asked for and could not be."""

    files: tuple[Path, ...]
    lacking: tuple[str, ...]


def publish(
    results: Results,
    reports: Sequence[Report],
    folder: Path,
    extras: Extras,
) -> Published:
    """Write `STUDY.html`, and `figures/` with PDFs, PNGs and captions, as asked for.

    Raises:
        CorruptTrial: a trial's files are truncated or altered.
        OSError: the folder cannot be written.
    """
    study, store, lacking = results.study, results.store, list[str]()
    files: dict[Path, bytes] = {}
    if extras.html or extras.figures:
        pictures = draw_up(
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
        examples = discordant_examples(reports, labels, Texts(extras.data, study.known_tasks))
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
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # Its cache may be elsewhere.
        from reports.page.figures import draw_figures

        drawn = draw_figures(
            pictures,
            forests(reports, pictures.labels),
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
    """Return what the page and the figures call each task, encoder and method."""
    names = DisplayNames(labels=results.study.display_names)
    used = {name for cell in results.cells for name in (cell.encoder, cell.method)}
    tasks = {cell.task: names.task(cell.definition) for cell in results.cells}
    return {name: names(name) for name in used} | tasks


def folder_page(folder: Folder, report: Report, worth: float | None = None) -> bytes:
    """Write the page of predictions made elsewhere: no trial is known, and no text."""
    labels = {task.name: task.labels for task in folder.tasks}
    pictures = Pictures(
        study=folder.name, wanted=0, wanted_cells=0, cells=(), budgets=(), curves=(), given=True
    )
    examples = discordant_examples([report], labels, Texts(None, {}))
    return build_page(pictures, [report], examples, [], worth=worth).encode()
