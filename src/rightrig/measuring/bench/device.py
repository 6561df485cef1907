"""The device that is measured, through PyTorch: a card, or the host's processor."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import InputError, MissingError
from rightrig.measuring.bench import host
from rightrig.measuring.bench.nvml import Driver, driver_of
from rightrig.measuring.bench.timing import now_s
from rightrig.measuring.probe.host import last_cache_bytes
from rightrig.quantities import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

_USUAL_CACHE_BYTES: Final = 64.0 * MIB
"""Where nobody tells: no less than the caches of most cards and processors."""
_BLOCK_COUNT: Final = 4_194_319
"""A prime: random numbers are drawn once in so many, since drawing takes longer than measuring."""
_MEMORY_RATIO: Final = 0.4
"""Share of the free memory that tests take on a card …"""
_HOST_MEMORY_RATIO: Final = 0.15
"""… and of the host's, where other programs live too."""


def load_torch() -> Any:  # noqa: ANN401 - not typed, so that mypy answers alike without it
    """Return PyTorch.

    Raises:
        MissingError: where it is not installed.
    """
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise MissingError(
            "bench measures with PyTorch and this machine has none; "
            "run: pip install 'rightrig[measure]'"
        ) from error


@dataclass(frozen=True, slots=True)
class Device:
    """One device, and how work on it is timed.

    Attributes:
        torch: The library.
        name: As PyTorch calls it: ``cuda:0``, ``cpu``.
        title: What it calls itself: ``NVIDIA H200``.
        capability: Compute capability; (0, 0) for processors.
        memory_bytes: What tests may take.
        cache_bytes: Its last-level cache.
        driver: What the driver tells of it, where it does.
        whole_bytes: All memory of a card, which tells models of one name apart.
    """

    torch: Any
    name: str
    title: str
    capability: tuple[int, int]
    memory_bytes: float
    cache_bytes: float
    driver: Driver = field(default_factory=Driver)
    whole_bytes: float = 0.0

    @property
    def is_card(self) -> bool:
        """Whether it is a card rather than the host's processor."""
        return self.name != "cpu"

    @property
    def cards_count(self) -> int:
        """Cards of this machine; 0 where the processor is measured."""
        return int(self.torch.cuda.device_count()) if self.is_card else 0

    @property
    def label(self) -> str:
        """What tells its figures from those of others in a store."""
        return f"{self.name} {self.title}"

    def wait(self) -> None:
        """Wait until all that was started is done."""
        if self.is_card:
            self.torch.cuda.synchronize(self.name)

    def clock_hz(self) -> float | None:
        """Return the clock of its multiprocessors now, where the driver tells."""
        return self.driver.clock_hz()

    def elapsed_s(self, run: Callable[[], object]) -> float:
        """Return how long some work takes: between two events on a card, by the host's clock."""
        if not self.is_card:
            begun_s = now_s()
            run()
            return now_s() - begun_s
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3  # milliseconds

    def captured(self, run: Callable[[], object]) -> Callable[[], object] | None:
        """Return what replays some work as a CUDA graph; ``None`` where it cannot be captured."""
        if not self.is_card:
            return None
        cuda = self.torch.cuda
        graph = cuda.CUDAGraph()
        try:
            with cuda.graph(graph):
                run()
        except RuntimeError:  # a kernel that asks the host something; it is timed eagerly
            cuda.synchronize(self.name)
            return None
        replay: Callable[[], object] = graph.replay
        return replay

    def rotations_count(self, input_bytes: float) -> int:
        """Return how many sets of inputs a case needs, that none is still in the cache.

        All sets together are four times the cache, unless memory is too small: caches do not
        forget the oldest first, so that twice would leave a part of it.
        """
        wanted = math.ceil(4.0 * self.cache_bytes / input_bytes)
        return max(1, min(wanted, int(self.memory_bytes // input_bytes), 4096))

    def holds(self, size_bytes: float) -> bool:
        """Whether tests may take that much memory."""
        return size_bytes <= self.memory_bytes

    def random(self, *sizes: int, dtype: str = "bfloat16", spread_ratio: float = 0.02) -> Any:  # noqa: ANN401
        """Return a tensor of N(0, σ²): zeros would be quicker and cooler than weights.

        A large one repeats a block whose length is prime, so that no two rows are alike.
        """
        torch = self.torch
        found = torch.empty(sizes, dtype=getattr(torch, dtype), device=self.name)
        flat = found.view(-1)
        flat[:_BLOCK_COUNT].normal_(0, spread_ratio)
        for start in range(_BLOCK_COUNT, flat.numel(), _BLOCK_COUNT):
            part = flat[start : start + _BLOCK_COUNT]
            part.copy_(flat[: part.numel()])
        return found


def open_device(name: str | None) -> Device:
    """Return the device to measure: the first card, or the processor where there is none.

    Args:
        name: ``cuda:0`` or ``cpu``; ``None`` chooses.

    Raises:
        MissingError: without PyTorch, or without the card that is named.
        InputError: for a name of no device.
    """
    torch = load_torch()
    torch.manual_seed(9)
    has_card = bool(torch.cuda.is_available())
    wanted = name or ("cuda:0" if has_card else "cpu")
    kind, _, number = wanted.partition(":")
    if wanted == "cpu":
        return _processor(torch)
    if kind != "cuda" or not (number or "0").isdecimal():
        raise InputError(f"--device is {wanted!r}: write cuda:0, another number, or cpu")
    if not has_card:
        raise MissingError(
            f"PyTorch {torch.__version__} sees no card on this machine, so {wanted} cannot be "
            "measured; install a build of PyTorch for the card (https://pytorch.org/get-started) "
            "or measure the processor with --device cpu"
        )
    count = int(torch.cuda.device_count())
    if int(number or 0) >= count:
        raise InputError(f"--device is {wanted!r}: cards are cuda:0 to cuda:{count - 1}")
    return _card(torch, int(number or 0))


def _processor(torch: Any) -> Device:  # noqa: ANN401
    """Return the host's processor as a device."""
    free = host.free_memory_bytes()
    return Device(
        torch, "cpu", host.processor_title(), (0, 0),
        _HOST_MEMORY_RATIO * free, last_cache_bytes() or _USUAL_CACHE_BYTES,
    )  # fmt: skip


def _card(torch: Any, number: int) -> Device:  # noqa: ANN401
    """Return one card as a device."""
    name = f"cuda:{number}"
    torch.cuda.set_device(number)
    properties = torch.cuda.get_device_properties(number)
    free_bytes, total_bytes = torch.cuda.mem_get_info(number)
    cache = float(getattr(properties, "L2_cache_size", 0)) or _USUAL_CACHE_BYTES
    identity = str(getattr(properties, "uuid", ""))
    capability = (int(properties.major), int(properties.minor))
    return Device(
        torch, name, str(properties.name), capability, _MEMORY_RATIO * free_bytes, cache,
        driver_of(identity, number), float(total_bytes),
    )  # fmt: skip


def versions_of(device: Device) -> dict[str, str]:
    """Return the versions of the software that was measured with."""
    torch = device.torch
    found = {"torch": str(torch.__version__)}
    if device.is_card:
        found["cuda"] = str(torch.version.cuda or torch.version.hip or "")
        driver = device.driver.version()
        if driver:
            found["driver"] = driver
        if torch.distributed.is_available() and torch.distributed.is_nccl_available():
            found["nccl"] = ".".join(str(part) for part in torch.cuda.nccl.version())
    return found
