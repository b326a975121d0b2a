"""What a training is given: processes and cores, and where it reads and writes."""

from __future__ import annotations

from dataclasses import dataclass

from engine.photos.listing import is_photos_alone
from engine.storage.open_store import open_store

CPU_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "67108864",
}
"""Environment of a process that trains on a CPU. Without it, 40 % of the time goes to the kernel, which maps and unmaps
the memory of every large tensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResources:
    """The processes that train together, as Ray Train's `ScalingConfig` has them.

    Attributes:
        num_workers: processes; where `max_workers` is more, at least so many.
        max_workers: as many where there is room for them, as nodes come and go; 0: never more than `num_workers`.
        cpus_per_worker: CPU cores of each, and the threads that it computes with.
        use_gpu: whether each has a GPU.
    """

    num_workers: int = 1
    max_workers: int = 0
    cpus_per_worker: int = 1
    use_gpu: bool = False

    def __str__(self) -> str:
        each = "1 GPU" if self.use_gpu else f"{self.cpus_per_worker} CPU core{'s' * (self.cpus_per_worker > 1)}"
        most = f" to {self.max_workers}" if self.elastic else ""
        return f"{self.num_workers}{most} x {each}"

    @property
    def elastic(self) -> bool:
        """Whether the number of processes may change on the way."""
        return self.max_workers > self.num_workers


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStorage:
    """Three URIs, of disks that every node sees or of object stores.

    Attributes:
        data: the dataset; what it looks like is between the spec and whoever made it. Photos may lie where no store
            of ours can: ``gs://``, ``az://``, ``hf://``.
        out: where the artifact goes.
        work: checkpoints and logs, in ``runs/<run>/``; the same place again is the resume.
    """

    data: str
    out: str
    work: str

    def absolute(self) -> TrainingStorage:
        """The same places for a process with another working folder.

        Raises:
            UsageError: URI_UNSUPPORTED, URI_NOT_A_FOLDER.
        """
        out, work = open_store(self.out).uri, open_store(self.work).uri
        data = self.data if is_photos_alone(self.data) else open_store(self.data).uri
        return TrainingStorage(data=data, out=out, work=work)
