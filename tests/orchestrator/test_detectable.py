"""What `plan` says that a study can show."""

import json
from pathlib import Path

import pytest

from orchestrator.detectable import describe_power, estimate_power, power_json
from reports.statistics.power import Experiment, Variation
from reports.tables.write import write_reports
from search_spaces.study import Study, load_study, parse_study
from tests.orchestrator.commands import catsweep
from tests.reports.stores import whole_reports
from tests.results import keep
from trainers.records.store import Store

STUDY = """
name: seeded
tasks: [rte, banking77]
encoders: [tiny]
methods: [standard, at]
axes: {lr: [1e-3], epsilon: [5e-3]}
seeds: [0, 1, 2]
select_on: heldout
"""

MEASURED = """
name: measured
tasks: [rte]
encoders: [tiny]
methods: [standard, cat]
axes: {lr: [1e-3], epsilon: [5e-3], tau: [0.1], lambda: [0.3]}
seeds: [0, 1, 2]
"""


def study(old: str = "", new: str = "") -> Study:
    assert old in STUDY
    return parse_study(STUDY.replace(old, new) if old else STUDY, "here")


def test_each_task_with_its_examples_and_the_studys_seeds() -> None:
    rte, banking = estimate_power(study())
    assert (rte.split, rte.examples, rte.seeds) == ("dev", 277, 3)
    assert (banking.split, banking.examples) == ("test", 3_080)
    assert rte.smallest_gain == Experiment(examples=277, seeds=3).smallest_gain()
    (said, assumed) = describe_power([rte, banking])
    assert "3 seeds" in said
    assert f"RTE {100 * rte.smallest_gain:.1f} (277 dev examples)" in said
    assert "0.8 points" in assumed
    assert json.loads(json.dumps(power_json([rte])))[0]["power"] == 0.8


def test_one_seed_says_nothing_of_methods() -> None:
    found = estimate_power(study("seeds: [0, 1, 2]", "seeds: [0]"))
    lines = describe_power(found)
    assert "one seed" in lines[0]
    assert "seeds: [0, 1, 2, 3, 4]" in lines[0]
    assert "5 seeds" in lines[1]
    assert found[0].smallest_gain == Experiment(examples=277, seeds=5).smallest_gain()


def test_a_part_of_the_dev_set_shows_less() -> None:
    (part, _) = estimate_power(study("seeds:", "max_eval_samples: 100\nseeds:"))
    assert part.examples == 100


def test_one_method_is_compared_with_nothing() -> None:
    assert estimate_power(study("methods: [standard, at]", "methods: [at]")) == []
    assert describe_power([]) == []


def test_what_a_gain_takes() -> None:
    rte, banking = estimate_power(study(), detect=0.03)
    seeds, examples = rte.takes
    assert seeds[1] == 277
    assert seeds[0] > 3
    assert examples[0] == 3
    assert Experiment(examples=examples[1], seeds=3).power(0.03) >= 0.8
    assert banking.takes[0][0] <= 3, "it has that already"
    (both,) = estimate_power(study("rte, banking77", "rte"), detect=0.005)[0].takes
    assert both[0] > 3
    assert both[1] > 277
    assert Experiment(examples=both[1], seeds=both[0]).power(0.005) >= 0.8
    lines = describe_power(estimate_power(study(), detect=0.01), 0.01)
    assert any("1 point on RTE cannot be detected on its 277" in line for line in lines)


def test_the_command_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    path = str(tmp_path / "study.yaml")
    catsweep("plan", path, "--store", str(tmp_path / "none"), "--detect", "2")
    assert "2 points on RTE cannot be detected" in capsys.readouterr().out
    catsweep("plan", path, "--store", str(tmp_path / "none"), "--json")
    told = json.loads(capsys.readouterr().out)
    assert [one["task"] for one in told["can_show"]] == ["rte", "banking77"]
    assert load_study(path).tasks == ("rte", "banking77")


def test_what_the_last_report_measured_takes_the_place_of_defaults(tmp_path: Path) -> None:
    study = parse_study(MEASURED, source="test")
    store = Store(tmp_path / "store", create=True)
    before = estimate_power(study, store=store)
    assert [one.measured for one in before] == [None]
    assert describe_power(before, detect=0.01)[-1].startswith("Assumed: ")
    for trial in study.trials():
        right = 120 + 8 * trial.seed + 20 * (trial.method.name == "cat")
        keep(store, trial, {"dev": right}, n=277)
    reports = whole_reports(study, store)
    write_reports(reports, store.reports / study.name)
    (after,) = estimate_power(study, store=store)
    gains = [verdict.gain for report in reports for verdict in report.verdicts]
    assert gains[0] is not None
    assert after.measured == Variation.from_test(gains[0])
    assert (
        after.smallest_gain
        == Experiment(examples=277, seeds=3, variation=after.measured).smallest_gain()
    )
    lines = describe_power([after])
    assert any(line.startswith("Measured on RTE in the last report: exactly one") for line in lines)
    assert not any(line.startswith("Assumed") for line in lines)
    (store.reports / study.name / "comparisons.json").write_text("{broken")
    assert estimate_power(study, store=store) == before
