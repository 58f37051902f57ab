"""What a trial runs on: the device, its memory, the versions of what computes."""

import platform
import resource
import sys
from importlib.metadata import version

import torch

from trainers.outcome import Environment

COMPUTING = ("catsweep", "torch", "transformers", "tokenizers", "numpy")


def pick_device() -> torch.device:
    """The GPU that this process may see, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def environment(device: torch.device) -> Environment:
    """Describe where this process trains."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return Environment(
        host=platform.node(),
        device=name,
        threads=torch.get_num_threads(),
        versions={package: version(package) for package in COMPUTING},
    )


def peak_memory(device: torch.device) -> int:
    """Peak bytes: of the device since the trial began, or of this process since it began."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
