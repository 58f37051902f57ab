"""A store of version 1, without checksums: it reads as before, is told, and cannot lie."""

import json
from pathlib import Path

import pytest

from orchestrator.best import choose_trial
from orchestrator.cli import _run
from reports.exports.rows import read_rows
from search_spaces.trial import TrialConfig
from tests.reports.exported import STUDY, study
from tests.reports.stores import whole_reports
from tests.trainers.stored import DONE, as_version_1, filled
from trainers.checkpoints import Checkpoints, make_keeping
from trainers.records.searches import read_searches
from trainers.records.store import CorruptTrial, State, Store


@pytest.fixture
def new(tmp_path: Path) -> tuple[Store, list[TrialConfig]]:
    return filled(tmp_path / "new")


@pytest.fixture
def old(tmp_path: Path) -> Store:
    return as_version_1(filled(tmp_path / "old")[0])


def test_it_reads_as_the_new_one_does(new: tuple[Store, list[TrialConfig]], old: Store) -> None:
    store, trials = new
    assert old.ended() == store.ended()
    for trial in trials:
        assert old.state(trial.signature) is store.state(trial.signature)
    name = trials[DONE].signature
    assert old.record(name).version == 1
    assert old.record(name).model_copy(update={"version": 2}) == store.record(name)
    (one,), (other,) = read_searches(old), read_searches(store)
    assert one.model_copy(update={"version": 2}) == other
    assert whole_reports(study(), old) == whole_reports(study(), store)


def lie(store: Store, name: str, split: str, metric: str, value: float) -> None:
    """Change one score of a record."""
    path = store.folder(name) / "result.json"
    fields = json.loads(path.read_bytes())
    fields["scores"][split][metric]["value"] = value
    path.write_text(json.dumps(fields, indent=1))


@pytest.mark.parametrize("instead", [0.999, 0.123])
def test_a_changed_digit_becomes_nobody_s_best_trial(
    instead: float, new: tuple[Store, list[TrialConfig]], old: Store
) -> None:
    """Told higher, its trial would be the winner; told lower, another would."""
    trials = new[1]
    cell = [t for t in trials[:4] if old.state(t.signature) is State.DONE]
    best = max(cell, key=lambda trial: old.record(trial.signature).selection_score)
    victim = best if instead < 0.5 else cell[0]
    value = old.record(victim.signature).selection_score
    lie(old, victim.signature, "dev", "f1", instead)
    keeping = make_keeping("small", "best", {victim.cell: cell})
    for read in (
        lambda store: whole_reports(study(), store),
        lambda store: read_rows(trials, store),
        lambda store: choose_trial(study(), store, "mrpc", None, None),
        lambda store: store.predictions(store.record(victim.signature), "dev"),
        lambda store: store.labels(store.record(victim.signature), "dev"),
    ):
        with pytest.raises(CorruptTrial) as caught:
            read(Store(old.root, create=False))
        told = f"f1 on dev is {instead} on record, but {value:.10g} by its predictions"
        assert told in str(caught.value)
    kept = Checkpoints(Store(old.root, create=False), keeping).best(t.signature for t in cell)
    assert kept != victim.signature


def test_every_metric_and_split_of_it_is_held_against_the_predictions(
    new: tuple[Store, list[TrialConfig]], old: Store
) -> None:
    name = new[1][DONE].signature
    for split, scores in old.record(name).scores.items():
        for metric, score in scores.items():
            lie(old, name, split, metric, 0.625)
            with pytest.raises(CorruptTrial, match=rf"{metric} on {split} is 0\.625 on record"):
                Store(old.root, create=False).verified_record(name)
            lie(old, name, split, metric, score.value)
    assert Store(old.root, create=False).verified_record(name) == old.record(name)


def test_what_a_new_record_says_of_its_trial_s_choice_is_held_against_them_too(
    new: tuple[Store, list[TrialConfig]],
) -> None:
    """A checksum says that nothing has changed since; this, that it was right."""
    store, trials = new
    record = store.record(trials[DONE].signature)
    told = record.scores["dev"]["f1"].model_copy(update={"value": 0.9})
    scores = record.scores | {"dev": record.scores["dev"] | {"f1": told}}
    wrong = record.model_copy(update={"scores": scores})
    with pytest.raises(CorruptTrial, match=r"f1 on dev is 0\.9 on record"):
        Store(store.root, create=False).labels(wrong, "dev")


def test_how_many_of_a_study_s_trials_have_no_checksum_is_said_in_a_line(
    old: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(STUDY)
    for command in ("status", "report"):
        assert _run([command, str(path), "--store", str(old.root)]) == 0
        said = capsys.readouterr()
        told = [line for line in (said.out + said.err).splitlines() if "without checksums" in line]
        assert len(told) == 1
        assert "5 trials" in told[0]
    assert old.mark.version == Store(old.root, create=False).mark.version == 1
