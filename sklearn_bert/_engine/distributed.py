"""The processes that `torchrun` or Accelerate started to train one model together."""

import atexit
import multiprocessing
import os
from contextlib import contextmanager, nullcontext

import torch
import torch.distributed as dist

# Fewer rows than this many a process are predicted by each of them: a message costs as much.
_ROWS_WORTH_SHARING = 16
_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class ProcessGroup:
    """A group of processes, of which this one is number `rank`.

    Each does a share of every batch, and all get the sum: the gradient is that of the batch as a
    whole, whatever its weights and wherever it does not divide evenly.

    Parameters
    ----------
    rank : int
        Number of this process.
    world_size : int
        Number of all.
    """

    def __init__(self, rank, world_size):
        self.rank = rank
        self.world_size = world_size

    def share(self, rows):
        """Return this process's part of some rows, dealt out like cards: lengths stay alike."""
        return rows[self.rank :: self.world_size]

    def sum(self, tensors):
        """Replace the tensors, alike in all processes, by their sums over these."""
        for tensor, total in zip(tensors, self.start_sum(tensors).wait(), strict=True):
            tensor.copy_(total)

    def start_sum(self, tensors):
        """Return the `Message` in which tensors, alike in all processes, are being summed."""
        return Message(tensors)

    def sum_rows(self, rows, values, n_rows):
        """Return the sums of rows of a matrix, most of which no process has.

        Parameters
        ----------
        rows : Tensor of shape (n_own,), dtype int64
            Which ones this process has, ascending.
        values : Tensor of shape (n_own, width)
            What they hold.
        n_rows : int
            Of the matrix.

        Returns
        -------
        rows : Tensor of shape (n_any,), dtype int64
            Those that any process has.
        sums : Tensor of shape (n_any, width)
        """
        used = torch.zeros(n_rows)
        used[rows] = 1
        self.sum([used])
        found = used.nonzero()[:, 0]
        sums = values.new_zeros((len(found), values.shape[1]))
        sums[torch.searchsorted(found, rows)] = values
        self.sum([sums])
        return found, sums

    def gather(self, shared, n_rows):
        """Return all rows, of which `shared` are those that `share` gave this process."""
        rows = shared.new_zeros((n_rows, *shared.shape[1:]))
        rows[self.rank :: self.world_size] = shared
        self.sum([rows])
        return rows

    def is_worth_it(self, n_rows):
        """Return whether so many rows are better shared."""
        return n_rows >= _ROWS_WORTH_SHARING * self.world_size

    def same(self, value, what):
        """Return the value of process 0; raise an error in all if it is not that of all."""
        values = [None] * self.world_size
        with _explained(), _own_gpu():
            dist.all_gather_object(values, value)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise ValueError(
                    f"All processes must be given the same {what}, got another one in process "
                    f"{rank} than in process 0; load and split the data alike in each of them."
                )
        return values[0]

    def draw_other_dropout(self, device):
        """Let this process drop out other numbers than the others, from the seed of all."""
        seed = (torch.initial_seed() + self.rank) % 2**63
        torch.default_generator.manual_seed(seed)
        if device.type != "cpu":
            torch.get_device_module(device).manual_seed(seed)

    def first(self, value):
        """Return the value of process 0."""
        values = [value]
        with _explained(), _own_gpu():
            dist.broadcast_object_list(values)
        return values[0]


class Message:
    """Tensors on their way to all processes, to be summed; copied, so that they may change.

    Parameters
    ----------
    tensors : list of Tensor
        Of the same number and shapes in each process.
    """

    def __init__(self, tensors):
        self.shapes = [tensor.shape for tensor in tensors]
        self.flat = self.work = None
        if tensors:
            self.flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
            with _explained():
                self.work = dist.all_reduce(self.flat, async_op=True)

    def wait(self):
        """Return the sums."""
        if self.work is None:
            return []
        with _explained():
            self.work.wait()
        parts = self.flat.split([shape.numel() for shape in self.shapes])
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]


@contextmanager
def _explained():
    """Say in one sentence that another process has ended."""
    try:
        yield
    except (RuntimeError, dist.DistError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RuntimeError(
            "All processes must call the same methods and live on, and another one has ended or "
            f"does not answer ({reason}); see its own error, and start all of them again."
        ) from error


def _own_gpu():
    """Return the context for objects: in a group of NCCL alone, they travel by the current GPU."""
    own = local_cuda(torch.cuda.device_count()) if dist.get_backend() == "nccl" else None
    return nullcontext() if own is None else torch.cuda.device(own)


def find_ranks():
    """Return the `ProcessGroup` that this process is one of, None if it works alone.

    The group is made when it is first asked for, if the launcher's environment variables are set.
    Workers that joblib starts inside are none of its processes.
    """
    if not dist.is_available():
        return None
    if not dist.is_initialized():
        if not _is_launched():
            return None
        # Windows has GPUs and no NCCL; Gloo sums their tensors on the host.
        has_nccl = torch.cuda.is_available() and dist.is_nccl_available()
        backend = "cpu:gloo,cuda:nccl" if has_nccl else "gloo"
        dist.init_process_group(backend)
        atexit.register(_end)
    size = dist.get_world_size()
    return ProcessGroup(dist.get_rank(), size) if size > 1 else None


def _is_launched():
    """Return whether a launcher started this process as one of several."""
    return (
        all(name in os.environ for name in _VARIABLES)
        and int(os.environ["WORLD_SIZE"]) > 1
        and multiprocessing.current_process().name == "MainProcess"
    )


def _end():
    """Leave the group; without it torch complains at the exit."""
    if dist.is_initialized():
        dist.destroy_process_group()


def local_cuda(n_devices):
    """Return the CUDA device of this process, None where it works alone.

    Raises
    ------
    ValueError
        If there are more processes than devices: NCCL cannot share one.
    """
    if "LOCAL_RANK" not in os.environ or find_ranks() is None:
        return None
    number = int(os.environ["LOCAL_RANK"])
    if n_devices == 1 and os.environ.get("CUDA_VISIBLE_DEVICES"):
        number = 0  # as Slurm does it: each process is shown its own one only
    if number >= n_devices:
        raise ValueError(
            f"Each process needs a GPU of its own, got LOCAL_RANK={number} with {n_devices} of "
            "them; start as many processes as there are GPUs, or use device='cpu'."
        )
    return torch.device("cuda", number)
