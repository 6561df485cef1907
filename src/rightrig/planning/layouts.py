"""Layouts: every split of one engine over the cards of a machine, or of several.

Up to eight cards every number is tried; above, what whole boards and machines offer. Ranks that
work on one token stay inside one machine (F7.6): only pipeline stages cross the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_model import stages_reason
from rightrig.deployment.parallelism import Parallelism, valid_tps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime

BOARD_CARDS: Final = 8
"""Cards of one machine where no fabric joins more: what is sold and rented."""
_STAGES_EACH: Final = 2
MOST_CARDS: Final = 64
"""Largest engine that is tried."""


def machine_cards(gpu: Gpu) -> int:
    """Return the cards of one kind that one machine holds, or one fabric joins like one machine.

    Accelerators on a desktop board stand alone, unless a fabric joins them.
    """
    fabric = gpu.fabric
    if gpu.memory_is_unified and fabric is None:
        return 1
    if fabric is not None and fabric.topology == "switch":
        return min(max(fabric.max_cards, BOARD_CARDS), MOST_CARDS)
    return BOARD_CARDS


def machine_layouts(llm: Llm, runtime: Runtime, cards_count: int) -> tuple[Parallelism, ...]:
    """Return the layouts of one engine inside a machine of ``cards_count`` cards."""
    sizes = [*range(1, min(cards_count, BOARD_CARDS) + 1)]
    sizes += range(2 * BOARD_CARDS, cards_count + 1, BOARD_CARDS)
    return tuple(layout for size in sizes for layout in _of_size(llm, runtime, size, size))


def spanning_layouts(
    llm: Llm, runtime: Runtime, cards_count: int, machines_count: int
) -> tuple[Parallelism, ...]:
    """Return the layouts over several machines of ``cards_count`` cards: stages cross between.

    Each machine is one stage or two: longer chains of smaller stages only add hops.
    """
    return tuple(
        layout
        for layout in _of_size(llm, runtime, machines_count * cards_count, cards_count)
        if cards_count in {layout.expert_ranks, _STAGES_EACH * layout.expert_ranks}
        or "layer" in runtime.splits
    )


def _of_size(
    llm: Llm, runtime: Runtime, size: int, most_ranks: int
) -> Iterator[Parallelism]:  # fmt: skip
    """Yield the layouts of an engine of exactly ``size`` cards."""
    if "layer" in runtime.splits:
        if size <= llm.layer_count and stages_reason(runtime, llm, size) is None:
            yield Parallelism(1, size)
        return
    for tp in _tensor_degrees(llm, runtime, most_ranks):
        for groups in _groups(llm, runtime, most_ranks // tp):
            stages, rest = divmod(size, tp * groups)
            # Above one board only whole boards of ranks are tried, not long chains of cards.
            chained = size > BOARD_CARDS and tp * groups < min(BOARD_CARDS, most_ranks)
            if rest or (chained and size <= most_ranks) or not _has_stages(llm, runtime, stages):
                continue
            plain = Parallelism(tp, stages, attention_dp=groups)
            yield plain
            yield from _expert_layouts(llm, runtime, plain)
            yield from _context_layouts(llm, runtime, plain)


def _tensor_degrees(llm: Llm, runtime: Runtime, most: int) -> tuple[int, ...]:
    """Return the tensor-parallel degrees that model and runtime allow."""
    return valid_tps(llm, most) if "tensor" in runtime.splits else (1,)


def _groups(llm: Llm, runtime: Runtime, most: int) -> Iterator[int]:
    """Yield the numbers of attention-DP groups: they share out whole experts."""
    yield 1
    if "attention-dp" in runtime.splits and llm.has_experts:
        for groups in range(2, most + 1):
            if all(ffn.expert_count % groups == 0 for ffn in llm.ffns):
                yield groups


def _has_stages(llm: Llm, runtime: Runtime, stages_count: int) -> bool:
    """Say whether a model can be cut into so many stages."""
    if stages_count == 1:
        return True
    known = {"pipeline", "layer"} & set(runtime.splits)
    fits = stages_count <= llm.layer_count
    return bool(known) and fits and stages_reason(runtime, llm, stages_count) is None


def _expert_layouts(llm: Llm, runtime: Runtime, plain: Parallelism) -> Iterator[Parallelism]:
    """Yield the layout that deals out whole experts instead of dividing each."""
    ranks = plain.expert_ranks
    if "expert" not in runtime.splits or not llm.has_experts or plain.experts_over == ranks:
        return
    if all(ffn.expert_count % ranks == 0 for ffn in llm.ffns):
        yield Parallelism(plain.tp, plain.pp, attention_dp=plain.attention_dp, ep=ranks)


def _context_layouts(llm: Llm, runtime: Runtime, plain: Parallelism) -> Iterator[Parallelism]:
    """Yield the layouts that spread one sequence's cache over ranks which would hold copies."""
    if "context" not in runtime.splits or llm.has_recurrent:
        return
    if any(attention.window_tokens for attention in llm.attentions):
        return
    heads = 1 if llm.has_mla else min((a.kv_head_count for a in llm.attentions), default=1)
    copies = max(1, plain.tp // heads)
    for ranks in range(2, copies + 1):
        if copies % ranks == 0 and plain.tp % ranks == 0:
            yield Parallelism(
                plain.tp, plain.pp, attention_dp=plain.attention_dp, context_parallel=ranks
            )
