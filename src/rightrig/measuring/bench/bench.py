"""What every block is handed: the device, the sizes to try, the time that is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rightrig.measuring.bench.timing import Method, OutOfTimeError, now_s
from rightrig.measuring.bench.values import Gap

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping

    from rightrig.facts.llm import Llm
    from rightrig.measuring.bench.device import Device
    from rightrig.measuring.bench.plan import Plan
    from rightrig.measuring.bench.values import Block, Figure

    Case = Callable[[], Iterator["Figure | Gap"]]


@dataclass(frozen=True, slots=True)
class Bench:
    """One run's device, plan and models.

    Attributes:
        llms: Name as it was given → record, of which shapes and layers are taken.
        block: Which block is running.
        until_s: When it has to end, on the clock of ``timing.now_s``.
        shuffle: Mixes the order of cases, so that a drift is no trend over sizes.
    """

    device: Device
    plan: Plan
    llms: Mapping[str, Llm]
    shuffle: random.Random
    block: Block = "copy"
    until_s: float = field(default=0.0)

    @property
    def torch(self) -> Any:  # noqa: ANN401 - not typed
        """PyTorch."""
        return self.device.torch

    @property
    def is_over(self) -> bool:
        """Whether the block's time is spent."""
        return now_s() >= self.until_s

    def models(self) -> tuple[tuple[str, Llm], ...]:
        """Return the models whose products and heads are tried, by name."""
        return tuple(self.llms.items())[: self.plan.models_count]

    def method(
        self, *, as_graph: bool = False, calls_count: int = 0, sets_count: int = 1
    ) -> Method:
        """Return how a case of this block is timed."""
        return Method(self.until_s, self.plan.sample_s, calls_count, as_graph, sets_count)

    def gap(self, what: str, why: str) -> Gap:
        """Return that something was left out."""
        return Gap(self.block, what, why)

    def attempt(self, what: str, case: Case) -> Iterator[Figure | Gap]:
        """Run one case; what the time, the memory or the build does not allow becomes a gap."""
        if self.is_over:
            yield self.gap(what, "no time was left for it")
            return
        try:
            yield from case()
        except OutOfTimeError:
            yield self.gap(what, "it takes longer than was left for it")
        except (RuntimeError, NotImplementedError, AttributeError) as error:
            # What PyTorch says of an operator or type that this build or device lacks.
            yield self.gap(what, _first_line(error))
        finally:
            if self.device.is_card:
                self.torch.cuda.empty_cache()


def _first_line(error: Exception) -> str:
    """Return what an error says, in one line of bounded length."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
