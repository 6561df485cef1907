"""Which operator of a step each kernel is: by its name, and products by their place in a layer.

Libraries name a product by its tiles, not by what is multiplied. In a transformer their order says
it: what comes before attention makes queries, keys and values; what comes after it, up to the next
norm or message, is the attention's output; then the products into the inner width, up to the
activation; after the activation the one back; and after the last layer the head. The names are
those of the operators of ``rightrig.work``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.measuring.profile.kernels import COMMUNICATION, MIXING, kernel_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.measuring.profile.kernels import KernelClass
    from rightrig.measuring.profile.steps import Steps
    from rightrig.measuring.profile.trace import Trace

QKV: Final = "qkv"
ATTENTION_OUTPUT: Final = "attention output"
INTO: Final = "feed-forward: gate, up"
BACK: Final = "feed-forward: down"
ROUTER: Final = "router"
HEAD: Final = "head"
PRODUCTS: Final = "matrix products"
"""Products whose place is not known."""
ATTENTION_DECODE: Final = "attention decode"
ATTENTION_PREFILL: Final = "attention prefill"
ATTENTION: Final = "attention"
SMALL: Final = "norms and activations"
IDLE: Final = "idle"
UNASSIGNED: Final = "unassigned"
_SMALL: Final[frozenset[KernelClass]] = frozenset(
    ("norm", "rope", "activation", "quantise", "cache write", "embedding", "elementwise")
)
_ENDS_OUTPUT: Final[frozenset[KernelClass]] = frozenset(("norm", *COMMUNICATION))
_OPERATORS: Final[dict[KernelClass, str]] = {
    "matrix product": PRODUCTS, "product tail": PRODUCTS, "experts": "experts", "router": ROUTER,
    "attention decode": ATTENTION_DECODE, "attention prefill": ATTENTION_PREFILL,
    "attention": ATTENTION, "recurrent": "recurrent", "sampling": "sampling", "copy": "copies",
    "all-reduce": "all-reduce", "all-gather": "all-gather", "all-to-all": "expert exchange",
    "send": "stage to stage", "unassigned": UNASSIGNED, **dict.fromkeys(_SMALL, SMALL),
}  # fmt: skip
"""Classes of kernels → operators, before products have their places."""
_NEXT: Final = {ATTENTION_OUTPUT: INTO, INTO: BACK, BACK: QKV}


@dataclass(slots=True)
class _Layer:
    """Where in a layer a step is."""

    place: str = QKV
    mixed: bool = False
    products_count: int = 0

    def meet(self, found: KernelClass) -> None:
        """Go on at a kernel that is no product."""
        if found in MIXING:
            self._go(ATTENTION_OUTPUT)
            self.mixed = True
        elif found in {"router", "experts"}:
            self._go(BACK)
            self.products_count = 1  # what the experts' products were
        elif found == "activation" and self.mixed:
            self._go(BACK)
        elif found in _ENDS_OUTPUT:
            self._end_part()

    def _end_part(self) -> None:
        """Go on at a norm or a message, once the part before it has had its products."""
        if not self.products_count:
            return
        if self.place == ATTENTION_OUTPUT:
            self._go(INTO)
        elif self.place == BACK:
            self._go(QKV)

    def _go(self, place: str) -> None:
        self.place, self.products_count = place, 0

    def product(self, seen: _Seen) -> str:
        """Return which product this is.

        Where no norm shows, a part has one product; without an activation of its own the second
        product into the inner width is the one back.
        """
        self.products_count += 1
        if self.products_count > 1:
            is_next = self.place == INTO and not seen.activation
            is_next = is_next or (self.place in {ATTENTION_OUTPUT, BACK} and not seen.norm)
            if is_next:
                self._go(_NEXT[self.place])
                self.products_count = 1
        return self.place


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a step shows: kernels of activations, and a norm or message for every mixer."""

    activation: bool
    norm: bool


def operators_of(trace: Trace, steps: Steps) -> tuple[str, ...]:
    """Return the operator of each kernel of a trace."""
    by_name = [kernel_class(name) for name in trace.names]
    classes = [by_name[number] for number in trace.name_index.tolist()]
    found = [_OPERATORS[kind] for kind in classes]
    if not any(kind in MIXING for kind in by_name):
        return tuple(found)
    for rows in _rows_of_steps(steps):
        _place_products(rows, classes, found)
    return tuple(found)


def _rows_of_steps(steps: Steps) -> list[list[int]]:
    """Return the kernels of each step, in order."""
    order = np.flatnonzero(steps.step_of >= 0)
    by_step = order[np.argsort(steps.step_of[order], kind="stable")]
    edges = np.flatnonzero(np.diff(steps.step_of[by_step])) + 1
    return [rows.tolist() for rows in np.split(by_step, edges)]


def _place_products(rows: list[int], classes: Sequence[KernelClass], found: list[str]) -> None:
    """Give the products of one step their places."""
    kinds = Counter(classes[row] for row in rows)
    mixers = sum(kinds[kind] for kind in MIXING)
    norms = sum(kinds[kind] for kind in _ENDS_OUTPUT)
    seen = _Seen(activation=kinds["activation"] > 0, norm=norms >= mixers)
    layer, after_mixing, last = _Layer(), False, -1
    pending: list[int] = []  # products since the last layer ended: of the next one, or the head
    for row in rows:
        kind = classes[row]
        if kind in {"matrix product", "product tail"}:
            is_tail = kind == "product tail" and last >= 0
            found[row] = found[last] if is_tail else layer.product(seen)
            last = row
            if found[row] == QKV:
                pending.append(row)
            continue
        if kind == "router" and last >= 0 and found[last] == INTO:
            found[last] = ROUTER  # the product before a choice of experts
        layer.meet(kind)
        if kind in MIXING:
            after_mixing, pending = True, []
    for row in pending if after_mixing else ():
        found[row] = HEAD


def times_by_operator_s(
    trace: Trace, operators: Sequence[str], chosen: NDArray[np.bool_]
) -> dict[str, tuple[float, int]]:
    """Return the time and the calls of each operator among chosen kernels, longest first."""
    sums: dict[str, list[float]] = {}
    spans, calls = trace.durations_s.tolist(), trace.calls.tolist()
    for row in np.flatnonzero(chosen).tolist():
        entry = sums.setdefault(operators[row], [0.0, 0.0])
        entry[0] += spans[row]
        entry[1] += calls[row]
    longest = sorted(sums.items(), key=lambda item: -item[1][0])
    return {name: (time_s, int(count)) for name, (time_s, count) in longest}


def operators_of_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the operator of each name, where no order tells the place of products."""
    return tuple(_OPERATORS[kernel_class(name)] for name in names)
