import importlib.util
import sys
from collections.abc import Callable

import pytest
import torch

from tests.benchmarks import gpu
from trainers.encoders.machine import DeviceMeter, environment, peak_memory, reset_peak_memory
from trainers.records.outcome import DeviceUse

CPU = torch.device("cpu")


def test_the_environment_names_what_computed() -> None:
    found = environment(CPU, {"nyu-mll/glue": "c" * 40})
    assert torch.__version__.startswith(found.versions["torch"])
    assert found.versions["nyu-mll/glue"] == "c" * 40
    assert found.threads == torch.get_num_threads()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a process's peak")
def test_peak_memory_is_of_one_trial() -> None:
    reset_peak_memory(CPU)
    before = peak_memory(CPU)
    block = torch.ones(50, 2**20)
    with_block = peak_memory(CPU)
    assert with_block - before > 150 * 2**20
    del block
    reset_peak_memory(CPU)
    assert peak_memory(CPU) < with_block - 150 * 2**20


def test_the_benchmark_s_peak_is_of_a_step_whose_optimizer_has_its_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(gpu, "reset_peak_memory", lambda _: seen.append("forget"))
    gpu.figures(lambda _: seen.append("step"), [1.0], [9], (6, 30), CPU, 1.0)
    assert seen == ["step", "forget", "step"]


@pytest.mark.skipif(sys.platform != "linux", reason="GPUs are Linux's")
def test_what_torch_asks_a_gpu_with_is_installed() -> None:
    assert importlib.util.find_spec("pynvml")


def seen(monkeypatch: pytest.MonkeyPatch, utilization: Callable[[object], float]) -> DeviceUse:
    """What a meter tells of a GPU with 3 of 8 bytes in use, looked at twice."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (5, 8))
    monkeypatch.setattr(torch.cuda, "utilization", utilization)
    meter = DeviceMeter(torch.device("cuda"), 0.5)
    meter.look()
    meter.look()
    found = meter.read()
    assert found is not None
    return found


def test_a_meter_sees_memory_and_activity(monkeypatch: pytest.MonkeyPatch) -> None:
    activity = iter([20, 60])
    found = seen(monkeypatch, lambda _: next(activity))
    assert found == DeviceUse(share=0.5, memory_bytes=3, total_bytes=8, busy=0.4)
    assert DeviceMeter(CPU, 1.0).read() is None


def test_a_driver_may_be_silent_but_a_missing_package_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(_: object) -> float:
        raise RuntimeError("Not Supported")

    def missing(_: object) -> float:
        raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")

    assert seen(monkeypatch, silent).busy is None
    with pytest.raises(ModuleNotFoundError, match="nvidia-ml-py"):
        seen(monkeypatch, missing)
