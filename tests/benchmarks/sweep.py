"""The overhead of a sweep beyond its training: prints JSON.

    python -m tests.benchmarks.sweep

1. A sweep of `--trials` trials of about ten seconds on two slots: training seconds divided by slot
   seconds, including start-up.
2. Two sweeps with different numbers of very short trials: the seconds that one more trial costs
   beyond its training.
3. The same for the same training under Ray Tune's defaults, with a process for every trial.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from search_spaces.study import Study, load_study
from search_spaces.trial import TrialConfig
from tests.end_to_end.sweeps import environment, run
from trainers.records.store import Store

SLOTS = 2
STUDY = """
name: sweep
tasks: [library]
encoders: [tiny]
methods: [standard]
axes: {{lr: [1e-3]}}
seeds: {seeds}
epochs: {epochs}
n_per_class: {n_per_class}
"""
SHORT = {"epochs": 1, "n_per_class": 4}


def write_study(folder: Path, trials: int, *, epochs: int, n_per_class: int) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(study_text(trials, epochs=epochs, n_per_class=n_per_class))
    return path


def study_text(trials: int, *, epochs: int, n_per_class: int) -> str:
    return STUDY.format(seeds=[*range(trials)], epochs=epochs, n_per_class=n_per_class)


def timed_run(study: str, *options: str) -> tuple[float, float]:
    """Run `catsweep run` in an empty store; return wall seconds and the sum of training seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = folder / "study.yaml"
        path.write_text(study)
        start = time.perf_counter()
        done = run(path, folder / "store", "--checkpoint-every", "120", *options)
        wall = time.perf_counter() - start
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        store = Store(folder / "store", create=False)
        return wall, sum(store.record(name).seconds for name in store.ended())


def timed_sweep(trials: int, *, epochs: int, n_per_class: int) -> tuple[float, float]:
    """Time a sweep of the benchmark's trials, as `timed_run` does."""
    return timed_run(study_text(trials, epochs=epochs, n_per_class=n_per_class))


def under_defaults(study: Study) -> tuple[float, float]:
    """Train a study's trials under Ray Tune's defaults; return wall and training seconds."""
    import ray
    from ray import tune

    def train(config: dict[str, str]) -> dict[str, float]:
        return {"seconds": train_one(TrialConfig.model_validate_json(config["trial"]))}

    start = time.perf_counter()
    ray.init(address="local", num_cpus=SLOTS, log_to_driver=False, logging_level="ERROR")
    points = [trial.model_dump_json(by_alias=True) for trial in study.trials()]
    results = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space={"trial": tune.grid_search(points)},
        run_config=tune.RunConfig(verbose=0, storage_path=tempfile.mkdtemp()),
    ).fit()
    ray.shutdown()
    return time.perf_counter() - start, sum(result.metrics["seconds"] for result in results)


def train_one(config: TrialConfig) -> float:
    """Train a trial as the runner does, cold; return its training and evaluation seconds."""
    import torch

    from trainers.loop import TrialRun
    from trainers.prepared import prepare

    torch.set_num_threads(1)
    trial = TrialRun(config, prepare(config, None), torch.device("cpu"))
    while not trial.done:
        trial.train_epoch()
    return trial.result().record.seconds


def extra(few: tuple[float, float], many: tuple[float, float], trials: int) -> float:
    """Return the slot seconds that each additional trial costs beyond its training."""
    wall, training = (b - a for a, b in zip(few, many, strict=True))
    return (SLOTS * wall - training) / trials


def defaults_in_a_process(trials: int) -> tuple[float, float]:
    """Measure in a separate process, because Ray reads its settings only once."""
    with tempfile.TemporaryDirectory() as scratch:
        path = write_study(Path(scratch), trials, **SHORT)
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.sweep", "--defaults", str(path)],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    wall, training = json.loads(done.stdout.splitlines()[-1])
    return float(wall), float(training)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=64, help="of the ten-second trials")
    parser.add_argument("--defaults", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.defaults:
        print(json.dumps(under_defaults(load_study(options.defaults))))  # noqa: T201
        return
    few, many = timed_sweep(4, **SHORT), timed_sweep(44, **SHORT)
    plain_few, plain_many = defaults_in_a_process(2), defaults_in_a_process(10)
    wall, training = timed_sweep(options.trials, epochs=options.epochs, n_per_class=36)
    report = {
        "extra_seconds_per_trial": {
            "catsweep": round(extra(few, many, 40), 3),
            "ray_tune_defaults": round(extra(plain_few, plain_many, 8), 3),
        },
        "start_up_seconds": round(few[0] - few[1] / SLOTS, 1),
        "long_sweep": {
            "trials": options.trials,
            "seconds_per_trial": round(training / options.trials, 2),
            "wall_seconds": round(wall, 1),
            "share_of_slots_training": round(training / (SLOTS * wall), 3),
        },
    }
    print(json.dumps(report, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
