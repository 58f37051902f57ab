"""Masks come again exactly, on the CPU and (with a GPU) on the device; modes return."""

import pytest
import torch
from torch import Tensor, nn

from trainers.encoders.dropout import replay, save_random_state, without_dropout

CPU = torch.device("cpu")
GPU = pytest.param(
    torch.device("cuda"),
    marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
)


def drop(device: torch.device) -> Tensor:
    return nn.functional.dropout(torch.ones(1000, device=device), 0.5)


@pytest.mark.parametrize("device", [CPU, GPU])
def test_replays_draw_the_same_masks_and_move_the_stream_by_one_pass(device: torch.device) -> None:
    torch.manual_seed(3)
    first, following = drop(device), drop(device)
    assert not torch.equal(first, following)
    torch.manual_seed(3)
    moment = save_random_state(device)
    for _ in range(3):
        with replay(moment):
            assert torch.equal(drop(device), first)
    assert torch.equal(drop(device), following)


@pytest.mark.parametrize("device", [CPU, GPU])
def test_a_replay_after_a_plain_pass_ends_where_that_pass_ended(device: torch.device) -> None:
    torch.manual_seed(3)
    drop(device)
    following = drop(device)
    torch.manual_seed(3)
    moment = save_random_state(device)
    drop(device)
    with replay(moment):
        drop(device)
    assert torch.equal(drop(device), following)


def test_without_dropout_draws_nothing_and_restores_each_module() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.5)), nn.Dropout(0.5))
    model[2].eval()
    before = torch.get_rng_state()
    with without_dropout(model):
        assert torch.equal(model(torch.ones(100)), torch.ones(100))
    assert torch.equal(torch.get_rng_state(), before)
    assert [m.training for m in model.modules()] == [True, True, True, True, False]


def test_modes_return_after_an_error() -> None:
    model = nn.Dropout(0.5)
    with pytest.raises(ZeroDivisionError), without_dropout(model):
        raise ZeroDivisionError
    assert model.training
