"""How a model is split over cards, and which splits a model allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.errors import InputError

if TYPE_CHECKING:
    from rightrig.facts.llm import Attention, Ffn, Llm


@dataclass(frozen=True, slots=True)
class Parallelism:
    """A split of one engine, and how many engines.

    Attributes:
        tp: Tensor-parallel ranks: heads and feed-forward are divided, every rank works on
            every token.
        pp: Pipeline stages: layers are divided.
        replicas: Independent engines behind a router.
        attention_dp: Groups of ``tp`` ranks that attend to separate sequences, while all
            ``tp × attention_dp`` ranks share the routed experts.
        context_parallel: Ranks among the ``tp`` over which one sequence's cache is spread.
        ep: Ranks over which whole experts are dealt, the other ranks of an engine dividing each
            expert's inner width; 0 for the usual: all under attention-DP, else 1.
    """

    tp: int = 1
    pp: int = 1
    replicas: int = 1
    attention_dp: int = 1
    context_parallel: int = 1
    ep: int = 0

    @property
    def experts_over(self) -> int:
        """Ranks over which whole experts are dealt."""
        return self.ep or (self.expert_ranks if self.attention_dp > 1 else 1)

    @property
    def expert_ranks(self) -> int:
        """Ranks that share the routed experts of a stage."""
        return self.tp * self.attention_dp

    @property
    def engine_cards(self) -> int:
        """Cards of one engine."""
        return self.tp * self.attention_dp * self.pp

    @property
    def engine_seqs_groups(self) -> int:
        """Groups of cards that hold separate sequences, over all engines."""
        return self.attention_dp * self.replicas

    @property
    def cards(self) -> int:
        """Cards of all engines."""
        return self.engine_cards * self.replicas

    @property
    def text(self) -> str:
        """As people write it: ``tp4``, ``tp2·pp3``, ``tp2·dp4``, ``2×tp2``."""
        split = f"tp{self.tp}" + (f"·pp{self.pp}" if self.pp > 1 else "")
        split += f"·dp{self.attention_dp}" if self.attention_dp > 1 else ""
        split += f"·ep{self.ep}" if self.ep > 1 else ""
        split += f"·cp{self.context_parallel}" if self.context_parallel > 1 else ""
        return f"{self.replicas}×{split}" if self.replicas > 1 else split


def tp_reason(llm: Llm, tp: int) -> str | None:
    """Return why a model cannot be split over ``tp`` ranks, or ``None`` when it can.

    Every engine demands ``heads % tp == 0``; key-value heads must divide the ranks or be
    divided by them (replication), and so must every inner width. Groups of the output
    projection (DeepSeek-V4) are dealt out whole: each rank of vLLM 0.33.0 and SGLang 0.5.23 has
    ``groups // tp`` of them (``o_groups``).
    """
    reasons = (
        *(_attention_reason(attention, tp) for attention in llm.attentions),
        *(_heads_reason(b.recurrent.head_count, tp) for b in llm.blocks if b.recurrent),
        *(_width_reason(ffn, tp) for ffn in llm.ffns),
    )
    return next((reason for reason in reasons if reason is not None), None)


def _attention_reason(attention: Attention, tp: int) -> str | None:
    """Return why the heads of one kind of attention cannot be shared by ``tp`` ranks."""
    if attention.head_count % tp:
        return f"{attention.head_count} attention heads do not divide by tp={tp}"
    if attention.output_group_count % tp:
        return f"{attention.output_group_count} output groups do not divide by tp={tp}"
    kv_heads = attention.kv_head_count
    is_whole = attention.kind in {"mla", "compressed"}
    if not is_whole and kv_heads % tp and tp % kv_heads:
        return f"{kv_heads} key-value heads neither divide by tp={tp} nor are divided by it"
    return None


def _heads_reason(head_count: int, tp: int) -> str | None:
    """Return why recurrent heads cannot be shared by ``tp`` ranks."""
    return f"{head_count} recurrent heads do not divide by tp={tp}" if head_count % tp else None


def _width_reason(ffn: Ffn, tp: int) -> str | None:
    """Return why an inner width cannot be shared by ``tp`` ranks."""
    widths = (ffn.inner_size, ffn.expert_inner_size, ffn.shared_inner_size)
    odd = next((width for width in widths if width % tp), None)
    return None if odd is None else f"the inner width {odd} does not divide by tp={tp}"


def valid_tps(llm: Llm, limit: int) -> tuple[int, ...]:
    """Return the tensor-parallel degrees up to ``limit`` that a model allows."""
    return tuple(tp for tp in range(1, limit + 1) if tp_reason(llm, tp) is None)


def splits_of(llm: Llm, cards: int) -> tuple[Parallelism, ...]:
    """Return every tp × pp that uses all cards, most tensor-parallel first."""
    return tuple(
        Parallelism(tp, cards // tp)
        for tp in reversed(valid_tps(llm, cards))
        if cards % tp == 0 and cards // tp <= llm.layer_count
    )


def stage_layers(layer_count: int, stages_count: int) -> tuple[int, ...]:
    """Return the layers of each pipeline stage.

    Equal shares; a remainder goes to the stages before the last, last of them first, as vLLM
    does, because the last stage holds the head.

    >>> stage_layers(80, 6)
    (13, 13, 13, 14, 14, 13)
    """
    share, rest = divmod(layer_count, stages_count)
    sizes = [share] * stages_count
    for step in range(rest):
        sizes[-2 - step if step < stages_count - 1 else -1] += 1
    return tuple(sizes)


def check_split(
    llm: Llm, cards: int, tp: int | None, pp: int | None, node_cards: int | None = None
) -> Parallelism:
    """Return the split that the options ask for on ``cards`` cards.

    With neither given, the most tensor-parallel split that the model allows inside a machine
    of ``node_cards`` cards. Cards that are left over become replicas.

    Raises:
        InputError: names the value, why it is impossible, and the nearest valid splits.
    """
    if tp is not None and tp > 0:
        reason = tp_reason(llm, tp)
        if reason is not None:
            raise InputError(
                f"--tp {tp} is impossible for {llm.name}: {reason}; {_nearest(llm, cards, tp)}"
            )
    if pp is not None and pp > llm.layer_count:
        raise InputError(
            f"--pp {pp} exceeds the {llm.layer_count} layers of {llm.name}; use fewer stages"
        )
    widest = min(cards, node_cards or cards)
    if tp is None and pp is None:
        fitting = [split for split in splits_of(llm, cards) if split.tp <= widest]
        if not fitting:
            raise InputError(
                f"no split of {llm.name} uses all {cards} cards (tp divides its heads, pp is at "
                f"most its {llm.layer_count} layers); name a number of cards with more divisors"
            )
        return fitting[0]
    if tp is None:
        inside = [t for t in valid_tps(llm, widest) if cards % (t * (pp or 1)) == 0]
        tp = max(inside, default=1)
    engine = tp * (pp or 1)
    if engine > cards or cards % engine:
        raise InputError(
            f"tp={tp} × pp={pp or 1} needs a multiple of {engine} cards and the rig has {cards}; "
            f"{_valid_on(llm, cards)}; or name {engine} cards in --on"
        )
    return Parallelism(tp, pp or 1, cards // engine)


def _valid_on(llm: Llm, cards: int) -> str:
    """Name the splits that do work on these cards."""
    on_rig = ", ".join(split.text for split in splits_of(llm, cards)[:3]) or "none"
    return f"valid on {cards} card{'s' * (cards > 1)}: {on_rig}"


def _nearest(llm: Llm, cards: int, tp: int) -> str:
    """Name the splits that do work near a number of ranks that the model forbids."""
    others = [t for t in valid_tps(llm, 2 * max(tp, cards)) if t not in {1, tp}]
    below = [t for t in others if t < tp][-1:]
    above = [t for t in others if t > max(tp, cards)][:1]
    near = " or ".join(f"tp{t} on {t} cards" for t in (*below, *above))
    return _valid_on(llm, cards) + (f"; otherwise {near}" if near else "")
