"""The fleet as a mixed-integer linear program, solved by HiGHS through ``scipy.optimize.milp``.

Whole numbers ``x`` of machines and ``y`` of engines:

- minimise ``Σ rent · x``;
- each class of requests is carried: ``Σ rate · y ≥ need``, over the engines made for it;
- engines find room in machines of their card: ``Σ_{k ≥ t} k · y ≤ Σ ⌊n / t⌋ · t · x`` for every
  size ``t`` of an engine, ``k`` and ``n`` being cards of an engine and of a machine;
- each ceiling: ``Σ use · x + Σ use · y ≤ most``.

The room rule is exact where each size of an engine divides every larger one, as powers of two do:
place the largest first, then all that a machine holds is a multiple of the size that is placed
next, and it has ``⌊n / t⌋ − held / t`` places left, wherever the engines before it went.

Traffic needs no variables of its own: a split over the engines of a class exists exactly when
their rates together reach the need, and all of them are loaded alike.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from rightrig.facts.price import Price

Status = Literal["optimal", "time limit", "infeasible", "no answer"]
_OPTIMAL: Final = 0
_INFEASIBLE: Final = 2
_ROUNDING_RATIO: Final = 1e-6
"""How far below its need a class may stay: the feasibility tolerance of HiGHS."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of machine with cards of one kind.

    Attributes:
        rent_usd_per_month: Of one, around the clock; 0 for an owned one.
        most_count: How many there are; ``None`` for no limit.
        price: The offer; ``None`` for an owned machine.
    """

    gpu: str
    cards_count: int
    rent_usd_per_month: float
    most_count: int | None = None
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class EngineKind:
    """A kind of engine that serves one class of requests.

    Attributes:
        need: Place of the class among the needs.
        rate_requests_per_s: What one carries.
    """

    need: int
    gpu: str
    cards_count: int
    rate_requests_per_s: float


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A limit on a weighted sum of machines and engines.

    Attributes:
        key: What the user calls it.
        most: The limit.
        machine_uses, engine_uses: What one of each kind uses of it, in the limit's unit.
    """

    key: str
    most: float
    machine_uses: tuple[float, ...]
    engine_uses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be solved.

    Attributes:
        needs_requests_per_s: What the engines of each class must carry together.
    """

    needs_requests_per_s: tuple[float, ...]
    machines: tuple[Machine, ...]
    engines: tuple[EngineKind, ...]
    ceilings: tuple[Ceiling, ...] = ()

    def rent_usd_per_month(self, machine_counts: Sequence[int]) -> float:
        """Return what machines cost."""
        pairs = zip(self.machines, machine_counts, strict=True)
        return sum(machine.rent_usd_per_month * count for machine, count in pairs)

    def used(self, ceiling: Ceiling, solution: Solution) -> float:
        """Return how much of a ceiling a solution uses, in the ceiling's unit."""
        return float(
            np.dot(ceiling.machine_uses, solution.machine_counts)
            + np.dot(ceiling.engine_uses, solution.engine_counts)
        )


@dataclass(frozen=True, slots=True)
class Solution:
    """An answer of the solver.

    Attributes:
        status: ``optimal`` is proven; ``time limit`` is the best found until then; ``infeasible``
            is proven too; ``no answer`` found nothing in time.
        machine_counts, engine_counts: Of each kind; empty without an answer.
        rent_usd_per_month: Of all machines; infinite without an answer.
        bound_usd_per_month: No fleet costs less.
    """

    status: Status
    machine_counts: tuple[int, ...]
    engine_counts: tuple[int, ...]
    rent_usd_per_month: float
    bound_usd_per_month: float
    elapsed_s: float

    @property
    def is_found(self) -> bool:
        """Whether there is a fleet."""
        return bool(self.machine_counts)

    @property
    def gap_ratio(self) -> float:
        """How much cheaper a fleet might still be, as a share of the rent."""
        if self.rent_usd_per_month in {0.0, math.inf}:
            return 0.0
        return max(0.0, 1.0 - self.bound_usd_per_month / self.rent_usd_per_month)


def solve(
    problem: Problem,
    time_limit_s: float,
    *,
    only_gpu: str | None = None,
    without: Collection[str] = (),
) -> Solution:
    """Return the cheapest fleet.

    Args:
        problem: Needs, machines, engines, ceilings.
        time_limit_s: After it the best that was found is returned, with what is proven.
        only_gpu: The only kind of card that may be used.
        without: Keys of ceilings that are left out.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - for a quick start

    started_s = time.perf_counter()
    rents = [machine.rent_usd_per_month for machine in problem.machines]
    kinds_count = len(rents) + len(problem.engines)
    matrix, low, high = _rows(problem, without)
    answer = milp(
        np.array([*rents, *(0.0 for _ in problem.engines)]),
        integrality=np.ones(kinds_count, dtype=np.int64),
        bounds=Bounds(np.zeros(kinds_count), _most_count(problem, only_gpu)),
        constraints=LinearConstraint(matrix, low, high),
        options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
    )
    elapsed_s = time.perf_counter() - started_s
    # The stubs of scipy do not say that there may be none.
    values: NDArray[np.float64] | None = answer.x
    if values is None:
        status: Status = "infeasible" if answer.status == _INFEASIBLE else "no answer"
        bound = math.inf if status == "infeasible" else 0.0
        return Solution(status, (), (), math.inf, bound, elapsed_s)
    counts = [round(value) for value in values.tolist()]
    machines = tuple(counts[: len(rents)])
    return Solution(
        status="optimal" if answer.status == _OPTIMAL else "time limit",
        machine_counts=machines,
        engine_counts=_needed(problem, counts[len(rents) :]),
        rent_usd_per_month=problem.rent_usd_per_month(machines),
        bound_usd_per_month=answer.mip_dual_bound or 0.0,
        elapsed_s=elapsed_s,
    )


def _most_count(problem: Problem, only_gpu: str | None) -> NDArray[np.float64]:
    """Return the most of each kind that any cheapest fleet has."""
    machines = [math.inf if m.most_count is None else m.most_count for m in problem.machines]
    engines = [
        math.ceil(problem.needs_requests_per_s[e.need] / e.rate_requests_per_s)
        for e in problem.engines
    ]
    most_count = np.array([*machines, *engines], dtype=float)
    if only_gpu is not None:
        gpus = [*(m.gpu for m in problem.machines), *(e.gpu for e in problem.engines)]
        most_count[[gpu != only_gpu for gpu in gpus]] = 0.0
    return most_count


def _rows(
    problem: Problem, without: Collection[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows of the program, with their lower and upper ends."""
    rows = [(row, 1.0, math.inf) for row in _needs_ratio(problem)]
    rows += [(row, 0.0, math.inf) for row in _rooms_count(problem)]
    rows += [
        (np.array([*ceiling.machine_uses, *ceiling.engine_uses]), -math.inf, ceiling.most)
        for ceiling in problem.ceilings
        if ceiling.key not in without
    ]
    matrix, low, high = zip(*rows, strict=True)
    return np.array(matrix), np.array(low), np.array(high)


def _needs_ratio(problem: Problem) -> Iterable[NDArray[np.float64]]:
    """Yield, for each class, the share of its need that one engine of each kind carries."""
    # Shares, since the solver's tolerance is absolute and needs differ by orders of magnitude.
    for place, need in enumerate(problem.needs_requests_per_s):
        shares = [e.rate_requests_per_s / need * (e.need == place) for e in problem.engines]
        yield np.array([*(0.0 for _ in problem.machines), *shares])


def _rooms_count(problem: Problem) -> Iterable[NDArray[np.float64]]:
    """Yield, for each card and size of an engine, the cards left for engines of that size."""
    for gpu in sorted({engine.gpu for engine in problem.engines}):
        mine = [engine.gpu == gpu for engine in problem.engines]
        sizes = {e.cards_count for e, is_mine in zip(problem.engines, mine, strict=True) if is_mine}
        for size in sorted(sizes):
            held = [(m.gpu == gpu) * (m.cards_count // size) * size for m in problem.machines]
            taken = [
                -e.cards_count * (is_mine and e.cards_count >= size)
                for e, is_mine in zip(problem.engines, mine, strict=True)
            ]
            yield np.array([*held, *taken], dtype=float)


def _needed(problem: Problem, engine_counts: Sequence[int]) -> tuple[int, ...]:
    """Return engines without those that nothing needs: on idle cards they cost nothing."""
    counts = list(engine_counts)
    for need, wanted in enumerate(problem.needs_requests_per_s):
        mine = [i for i, engine in enumerate(problem.engines) if engine.need == need and counts[i]]
        spare = sum(counts[i] * problem.engines[i].rate_requests_per_s for i in mine)
        spare -= wanted * (1.0 - _ROUNDING_RATIO)
        for i in sorted(mine, key=lambda i: -problem.engines[i].cards_count):
            rate = problem.engines[i].rate_requests_per_s
            dropped = min(counts[i], max(0, math.floor(spare / rate)))
            counts[i] -= dropped
            spare -= dropped * rate
    return tuple(counts)


@dataclass(frozen=True, slots=True)
class Host:
    """One machine and what runs on it.

    Attributes:
        machine: Place among the machines of the problem.
        engine_counts: Place among the engines → how many of them.
        free_count: Cards that no engine uses.
    """

    machine: int
    engine_counts: dict[int, int]
    free_count: int


def hosts(problem: Problem, solution: Solution) -> tuple[Host, ...]:
    """Return a placement of the engines: the largest first, each where it leaves least free."""
    numbered = [place for place, count in enumerate(solution.machine_counts) for _ in range(count)]
    free = [problem.machines[place].cards_count for place in numbered]
    held: list[dict[int, int]] = [{} for _ in numbered]
    largest_first = sorted(
        (kind for kind, count in enumerate(solution.engine_counts) for _ in range(count)),
        key=lambda kind: (-problem.engines[kind].cards_count, kind),
    )
    for kind in largest_first:
        engine = problem.engines[kind]
        fitting = [
            i
            for i, place in enumerate(numbered)
            if problem.machines[place].gpu == engine.gpu and free[i] >= engine.cards_count
        ]
        chosen = min(fitting, key=lambda i: free[i])
        free[chosen] -= engine.cards_count
        held[chosen][kind] = held[chosen].get(kind, 0) + 1
    return tuple(Host(*one) for one in zip(numbered, held, free, strict=True))
