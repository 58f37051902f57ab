"""A study with hostile names and texts, its store and its data folder, for tests of the page.

Two tasks, two encoders, `standard` and `cat`; one trial failed, one was stopped early.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

from reports.page.publish import Extras, publish
from reports.results.results import read_results
from search_spaces.shipped_tasks import get_task
from search_spaces.study import Study, parse_study
from search_spaces.trial import TrialConfig
from tests.fakes import write_csv
from tests.reports.stores import build, read_cells
from tests.results import N, finished
from trainers.data.loading import load_task
from trainers.records.outcome import EpochRecord, FailureRecord, PrunedRecord
from trainers.records.store import Store

ATTACK = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
HOSTILE = rf"a_b & 50% #1 {{x}} \cmd ~ ^ ü 中 {ATTACK} $study ${{style}}"
TEXTS = (
    HOSTILE,
    "<!--<script>",
    "line\u2028separator, \"quotes\" and 'more'",
    "two\nlines",
    "long " * 400,
    "=cmd|'/C calc'!A0",
)
STUDY = f"""
name: hostile
tasks: [rte, mrpc]
encoders: [tiny, {json.dumps(HOSTILE, ensure_ascii=False)}]
methods: [standard, cat]
axes: {{lr: [1e-5, 2e-5], epsilon: [0.001, 0.005, 0.02], tau: [0.05, 0.1], lambda: [0.1, 0.3]}}
"""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A study, its store, and the folder with its texts."""

    study: Study
    store: Store
    data: Path

    def write(self, folder: Path, *, figures: bool = False) -> Path:
        """Write the page, and the figures on request; return the page's path."""
        cells = read_cells(self.study.trials(), self.store)
        reports = build(self.study.name, cells, self.store)
        extras = Extras(html=True, figures=figures, data=self.data)
        publish(read_results(self.study, self.store), reports, folder, extras)
        return folder / f"{self.study.name}.html"


def build_site(folder: Path) -> Site:
    """Lay out data and store: rte's cat is better, mrpc's is not."""
    study = parse_study(STUDY, source="test")
    data, store = folder / "data", Store(folder / "store", create=True)
    for task in study.tasks:
        _write_task(data, task)
    with mock.patch("os.fsync"):  # a hundred trials need not outlive a power cut
        for place, trial in enumerate(study.trials()):
            _end(store, data, trial, place)
    return Site(study=study, store=store, data=data)


def _write_task(data: Path, name: str) -> None:
    task = get_task(name)
    assert task.labels
    for split, files in task.files.items():
        rows = [
            (f"{split} {row} {TEXTS[row % len(TEXTS)]}", f"second {row}", task.labels[row % 2])
            for row in range(N)
        ]
        write_csv(data / files[0], (*task.text, "label"), rows)


def _end(store: Store, data: Path, trial: TrialConfig, place: int) -> None:
    """End a trial: the last of the first cat cell was pruned, that of the last one failed."""
    last = trial.method.name == "cat" and trial.lr == 2e-5 and _option(trial, "lambda_") == 0.3
    last = last and _option(trial, "tau") == 0.1 and _option(trial, "epsilon") == 0.02
    if last and (trial.task, trial.encoder) == ("mrpc", HOSTILE):
        failure = FailureRecord(
            signature=trial.signature,
            kind="exception",
            reason=HOSTILE,
            traceback="",
            host="test",
            failed_at="2026-01-01T00:00:00+00:00",
        )
        store.commit_failure(trial, failure)
    elif last and (trial.task, trial.encoder) == ("rte", HOSTILE):
        store.commit_pruned(trial, _pruned(trial))
    else:
        split = load_task(trial.task, data).splits["dev"]
        prints = {"encoder": "0" * 16, "dev": split.fingerprint()}
        store.commit(trial, finished(trial, {"dev": _right(trial, place)}, fingerprints=prints))


def _option(trial: TrialConfig, name: str) -> object:
    return getattr(trial.method, name, None)


def _right(trial: TrialConfig, place: int) -> int:
    better = trial.method.name == "cat" and trial.task == "rte"
    return 120 + 7 * place % 11 + (30 if better else 0)


def _pruned(trial: TrialConfig) -> PrunedRecord:
    epoch = EpochRecord(
        epoch=1, losses={"loss": 0.5}, score=0.5, train_seconds=1.0, evaluate_seconds=0.0
    )
    return PrunedRecord(
        signature=trial.signature,
        scheduler="asha",
        epochs=(epoch,),
        pruned_at="2026-01-01T00:00:00+00:00",
    )


class Parsed(HTMLParser):
    """A page's elements as (tag, attributes) in order, and the text inside each kind of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "img", "input"}:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def having(self, tag: str) -> Iterator[dict[str, str | None]]:
        """The attributes of each such element."""
        return (attributes for name, attributes in self.elements if name == tag)
