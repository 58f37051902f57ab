import sys

import pytest
import torch

from trainers.machine import environment, forget_peak_memory, peak_memory

CPU = torch.device("cpu")


def test_the_environment_names_what_computed() -> None:
    found = environment(CPU)
    assert torch.__version__.startswith(found.versions["torch"])
    assert found.threads == torch.get_num_threads()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a process's peak")
def test_peak_memory_is_of_one_trial() -> None:
    forget_peak_memory(CPU)
    before = peak_memory(CPU)
    block = torch.ones(50, 2**20)
    with_block = peak_memory(CPU)
    assert with_block - before > 150 * 2**20
    del block
    forget_peak_memory(CPU)
    assert peak_memory(CPU) < with_block - 150 * 2**20
