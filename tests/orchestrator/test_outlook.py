"""What a study costs, by cell and by table, and what is trained once."""

from pathlib import Path

import pytest

from orchestrator.estimate import estimate_hours
from orchestrator.outlook import (
    Hours,
    Outlook,
    describe_outlook,
    estimate_outlook,
    format_hours,
    outlook_json,
)
from orchestrator.plan import make_plan
from search_spaces.shipped_tasks import TASKS
from search_spaces.study import Study, load_study, parse_study
from search_spaces.trial import TrialConfig
from tests.results import finished, keep
from trainers.records.outcome import DeviceUse
from trainers.records.store import Store

# Two tables over one task: `standard` and `cat` are in both, `at` in one.
STUDY = """
name: two
encoders: [roberta-large]
tasks: [rte]
axes: {lr: [1e-5, 2e-5], epsilon: [1e-3], tau: [0.1], lambda: [0.1]}
parts:
  - {tables: [1, 3], methods: [standard, cat]}
  - {tables: [1, 7], methods: [standard, at, cat]}
"""


@pytest.fixture
def study() -> Study:
    return parse_study(STUDY, source="two")


def hours_of(trial: TrialConfig) -> float | None:
    return estimate_hours(trial, TASKS[trial.task])


def ahead(study: Study, store: Store | None = None) -> Outlook:
    return estimate_outlook(study, make_plan(study, store), store)


def test_shared_trials_count_once_together_and_in_every_table_apart(study: Study) -> None:
    found = ahead(study)
    assert {number: group.trials for number, group in found.tables.items()} == {3: 4, 7: 6}
    assert found.shared == {3: 4, 7: 4}
    assert found.sharers == {3: (7,), 7: (3,)}
    assert "Table 7: 6 trials, 4 of them shared with table 3; " in "\n".join(
        describe_outlook(found)
    )
    assert (found.total.trials, found.separate.trials) == (6, 10)
    hours = {trial.method.name: hours_of(trial) or 0 for trial in study.trials()}
    once = 2 * sum(hours.values())
    assert found.total.hours == pytest.approx(once)
    assert found.separate.hours == pytest.approx(once + 2 * (hours["standard"] + hours["cat"]))
    assert found.cells["rte", "roberta-large", "at"].hours == pytest.approx(2 * hours["at"])


def test_epochs_that_are_divided_are_not_those_of_the_trial_beside_it() -> None:
    study = parse_study(
        "{name: free, tasks: [rte], encoders: [roberta-large], methods: [freeat], epochs: 9, axes:"
        " {lr: [1e-5], adv_lr: [0.1], init_mag: [0], max_norm: [0], free_epochs: [same,"
        " divide_by_k]}}",
        source="here",
    )
    assert ahead(study).total.hours == sum(hours_of(trial) or 0 for trial in study.trials())


def test_the_whole_paper() -> None:
    found = ahead(load_study("paper"))
    assert (found.total.trials, found.separate.trials) == (22_044, 41_193)
    assert found.shared[4] == found.shared[5] == 1_089
    assert found.sharers[4] == (5, 6, 8)
    assert found.sharers[10] == (3, 7, 9)
    assert found.total.hours is not None
    assert found.separate.hours is not None
    assert 5_000 < found.total.hours < found.separate.hours < 20_000
    text = "\n".join(describe_outlook(found))
    assert "100 TFLOP/s in bf16" in text
    assert "Table 4: 1,089 trials, 1,089 of them shared with tables 5, 6 and 8; 8.8 GPU-h" in text
    assert "22,044 instead of 41,193 (46% less)" in text


def test_what_a_gpu_took_scales_its_task_and_encoder(study: Study, tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    first = study.trials()[0]
    result = finished(first, {"dev": 150}, seconds=1000.0)
    use = DeviceUse(share=0.5, memory_bytes=1, total_bytes=2, busy=None)
    record = result.record.model_copy(update={"device_use": use})
    store.commit(first, type(result)(record=record, predictions=result.predictions))
    found, model = ahead(study, store), ahead(study)
    factor = 500 / 3600 / (hours_of(first) or 1)
    assert found.total.measured
    for cell, group in found.cells.items():
        assert group.hours == pytest.approx((model.cells[cell].hours or 0) * factor)
    assert any(line.startswith("*") and "scaled" in line for line in describe_outlook(found))


def test_what_a_cpu_took_says_nothing_of_a_gpu(study: Study, tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    keep(store, study.trials()[0], {"dev": 150}, seconds=1e6)
    assert ahead(study, store).total == ahead(study).total


def test_an_unknown_encoder_is_said_and_not_guessed() -> None:
    found = ahead(parse_study(STUDY.replace("roberta-large", "some/encoder"), source="two"))
    assert found.total.hours is None
    assert format_hours(found.total) == "?"
    lines = describe_outlook(found)
    assert any("unknown without the hub" in line for line in lines)
    assert lines[-1] == "Shared trials are trained once: 6 instead of 10 (40% less)."


def test_numbers_for_people_and_programs(study: Study) -> None:
    printed = [
        format_hours(Hours(trials=1, hours=hours)) for hours in (1234.5, 12.34, 0.1234, 1e-6, 0.0)
    ]
    assert printed == ["1,234", "12.3", "0.123", "<0.001", "0.000"]
    assert format_hours(Hours(trials=1, hours=2.0, measured=True)) == "2.0*"
    found = ahead(study)
    numbers = outlook_json(found)
    assert numbers["gpu_hours"] == found.total.hours
    assert [entry["table"] for entry in numbers["tables"]] == [3, 7]
    assert sum(numbers["gpu_hours_of_cells"]) == pytest.approx(numbers["gpu_hours"])
