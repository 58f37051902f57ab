import pytest

from orchestrator.job import Resources, Slots, this_machine
from search_spaces.errors import UserError


@pytest.mark.parametrize(
    ("asked", "cores", "gpus", "expected"),
    [
        (Resources(), 8, 0, Slots(at_once=8, threads=1, gpus=0)),
        (Resources(slots=2), 8, 0, Slots(at_once=2, threads=4, gpus=0)),
        (Resources(threads=4), 8, 0, Slots(at_once=2, threads=4, gpus=0)),
        (Resources(slots=16), 8, 0, Slots(at_once=16, threads=1, gpus=0)),
        (Resources(), 8, 2, Slots(at_once=2, threads=4, gpus=1)),
        (Resources(gpus_per_trial=0.25), 8, 1, Slots(at_once=4, threads=2, gpus=0.25)),
        (Resources(gpus_per_trial=0), 8, 2, Slots(at_once=8, threads=1, gpus=0)),
        (Resources(address="auto"), 8, 0, Slots(at_once=None, threads=1, gpus=0)),
        (
            Resources(address="auto", slots=3, threads=2, gpus_per_trial=0.5),
            8,
            0,
            Slots(at_once=3, threads=2, gpus=0.5),
        ),
    ],
)
def test_what_is_not_asked_is_filled_in(
    asked: Resources, cores: int, gpus: int, expected: Slots
) -> None:
    assert asked.resolve(cores, gpus) == expected


def test_more_gpus_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match="--gpus-per-trial 2, but this machine has 1 GPUs"):
        Resources(gpus_per_trial=2).resolve(8, 1)


def test_this_machine_has_a_core() -> None:
    assert this_machine()[0] >= 1
