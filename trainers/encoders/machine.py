"""The device that a trial runs on, its memory, and the versions of the libraries."""

import gc
import platform
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from trainers.records.outcome import DeviceUse, Environment

HIGH_WATER = Path("/proc/self/status")
COMPUTING = ("catsweep", "torch", "transformers", "tokenizers", "numpy")

OUT_OF_MEMORY = (
    "can't allocate memory",  # torch on a CPU
    "error: out of memory",  # CUDA outside torch's allocator
    "ALLOC_FAILED",  # cuBLAS, cuDNN and their like
    "ALLOCATION_FAILED",
)
"""Messages of out-of-memory errors that have no type of their own."""


def pick_device() -> torch.device:
    """Return the GPU that this process may use, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor from the host; the copy does not wait for the device."""
    pinned = tensor.pin_memory() if device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)


def environment(device: torch.device, data: Mapping[str, str]) -> Environment:
    """Describe where this process trains; `data` has the versions of datasets by name."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return Environment(
        host=platform.node(),
        device=name,
        threads=torch.get_num_threads(),
        versions={package: version(package) for package in COMPUTING} | dict(data),
    )


def peak_memory(device: torch.device) -> int:
    """Return the peak bytes since `reset_peak_memory`: on the GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if HIGH_WATER.exists():
        lines = HIGH_WATER.read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak_memory(device: torch.device) -> None:
    """Reset the peak, if the system can (Linux, CUDA)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif HIGH_WATER.exists():
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")


def ran_out_of_memory(error: Exception) -> bool:
    """Return whether an exception means that the machine or its GPU is out of memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(message in str(error) for message in OUT_OF_MEMORY)


def free_memory(device: torch.device) -> None:
    """Release a GPU's memory that no tensor uses, because other trials measure and share it.

    Call it when nothing refers to a model any more, including the frames of an error.
    """
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


class DeviceMeter:
    """Samples the use of a GPU while a trial runs on it; does nothing on a CPU."""

    def __init__(self, device: torch.device, share: float) -> None:
        self.device, self.share = device, share
        self.memory: list[int] = []
        self.busy: list[float] = []

    def look(self) -> None:
        """Sample the memory in use on the device, and its utilization.

        Raises:
            ModuleNotFoundError: nvidia-ml-py, which catsweep depends on, is not installed.
        """
        if self.device.type != "cuda":
            return
        free, total = torch.cuda.mem_get_info(self.device)
        self.memory.append(total - free)
        try:
            self.busy.append(torch.cuda.utilization(self.device) / 100)
        except ModuleNotFoundError:
            if not torch.version.hip:  # AMD's library may or may not come with the driver.
                raise
        except Exception:
            pass  # A driver that does not report it raises one of many exceptions.

    def read(self) -> DeviceUse | None:
        """Return the use that was sampled, or None without samples."""
        if not self.memory:
            return None
        return DeviceUse(
            share=self.share,
            memory_bytes=max(self.memory),
            total_bytes=torch.cuda.mem_get_info(self.device)[1],
            busy=sum(self.busy) / len(self.busy) if self.busy else None,
        )
