"""Processes that train together each use a GPU of their own."""

import pytest
import torch

from sklearn_bert._engine import distributed
from sklearn_bert._engine.distributed import ProcessGroup

pytestmark = pytest.mark.simulated_gpu


@pytest.mark.parametrize(("backend", "number"), [("nccl", 1), ("gloo", 0)])
def test_objects_travel_by_the_own_gpu_in_a_group_of_nccl_alone(monkeypatch, backend, number):
    """All processes would send them by the first one, which NCCL refuses or waits for."""
    used = []

    def note(values, *args):
        used.append(torch.cuda.current_device())

    group = ProcessGroup(1, 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(distributed, "find_ranks", lambda: group)
    monkeypatch.setattr("torch.distributed.get_backend", lambda: backend)
    monkeypatch.setattr("torch.distributed.all_gather_object", note)
    monkeypatch.setattr("torch.distributed.broadcast_object_list", note)
    group.same(None, "data")
    group.first(None)
    assert used == [number, number]
    assert torch.cuda.current_device() == 0
