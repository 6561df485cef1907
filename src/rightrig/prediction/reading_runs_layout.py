"""On which cards a published run ran, and how the model was split over them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.parallelism import Parallelism, tp_reason
from rightrig.deployment.rig import Rig, parse_rig
from rightrig.errors import InputError
from rightrig.prediction.accuracy_words import count_after
from rightrig.work.weights import weight_bytes

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.measurement import Measurement
    from rightrig.prediction.reading_runs_words import Subject

_USUAL_NODE_CARDS: Final = 8
_WHOLE_RIG_TPS: Final = (1, 2, 4, 8)
_ROOM_RATIO: Final = 0.88
"""Weights that take more than this of the memory leave no room for a cache."""
_PER_NODE: Final = re.compile(r"\bx(\d{1,2})/node nodes=(\d{1,3})")
_LABEL: Final = re.compile(r"_tp([1-9]\d{0,2})(?:_0)?_ep([1-9]\d{0,2}|none)(?:_0)?_\d+$")
_DEP: Final = re.compile(r"\bDEP([1-9]\d{0,2})\b")
_CAP: Final = re.compile(
    r"power[_ ](?:limit(?:ed to)?|cap)[ =]*(\d{2,4}) ?W|(\d{2,4}) ?W power", re.IGNORECASE
)
_SLOT: Final = re.compile(r"PCI-?e\s*(?:Gen)?\s*([3-6])(?:\.0)?\s*x(1|2|4|8|16)\b", re.IGNORECASE)
_BRIDGE: Final = re.compile(r"(?<!no )nvlink", re.IGNORECASE)
_HYBRID: Final = re.compile(
    r"Hyb\w+ (?:TP|Tensor)\D{1,12}([1-9]\d?)\)? and (PP|EP|Pipeline|Expert)\D{1,12}([1-9]\d?)",
    re.IGNORECASE,
)
_WHOLE: Final = re.compile(
    r"latency; ?(?:(Tensor Parallelism|TP)|(Pipeline Parallelism|PP)|(EP))\b"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Cards and split of a run.

    Attributes:
        alternatives: Further splits of the same cards, where the row states none.
    """

    rig: Rig
    split: Parallelism
    expert_parallel: int
    alternatives: tuple[Parallelism, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Ranks:
    """How one row deals out its cards."""

    cards: int
    tp: int
    pp: int = 1
    attention_dp: int = 1
    expert_parallel: int = 1
    note: str = ""

    @property
    def engine_cards(self) -> int:
        """Cards of one engine."""
        return self.tp * self.pp * self.attention_dp


def layout_of(row: Measurement, subject: Subject, catalog: Catalog) -> Layout:
    """Return cards and split.

    Raises:
        InputError: when the layout is not stated, or does not add up.
    """
    cards = _count(row["gpu_count"], "the number of cards")
    ranks = _labelled(row, cards) or _noted(row, cards) or _columns(row, cards)
    if ranks is None:
        return _unstated(row, subject, cards, catalog)
    replicas = _replicas(row, ranks)
    split = Parallelism(ranks.tp, ranks.pp, replicas, ranks.attention_dp)
    rig = rig_of(row, subject.gpu, split.cards, catalog)
    return Layout(rig, split, ranks.expert_parallel, note=ranks.note)


def rig_of(row: Measurement, gpu: Gpu, cards: int, catalog: Catalog) -> Rig:
    """Return the machines of a row, of cards of the size that it states."""
    nodes, per_node = _nodes(row["notes"], gpu, cards)
    options = _options(row, gpu, per_node)
    rig = _rig(f"{nodes}n:{per_node}x{gpu.slug}{options}", catalog)
    if rig.gpu == gpu:
        return rig
    return replace(rig, groups=tuple(replace(group, gpu=gpu) for group in rig.groups))


@functools.lru_cache(maxsize=4096)
def _rig(text: str, catalog: Catalog) -> Rig:
    """Return a rig; many rows have the same."""
    return parse_rig(text, catalog)


def _nodes(notes: str, gpu: Gpu, cards: int) -> tuple[int, int]:
    """Return machines and cards in each."""
    stated = _PER_NODE.search(notes)
    if stated and int(stated[1]) * int(stated[2]) == cards:
        return int(stated[2]), int(stated[1])
    fabric = gpu.fabric
    size = _USUAL_NODE_CARDS
    if fabric is not None and fabric.topology == "switch":
        size = max(size, fabric.max_cards)
    if cards <= size:
        return 1, cards
    if cards % _USUAL_NODE_CARDS:
        raise InputError(f"{cards} cards fill no whole number of machines of {_USUAL_NODE_CARDS}")
    return cards // _USUAL_NODE_CARDS, _USUAL_NODE_CARDS


def _options(row: Measurement, gpu: Gpu, per_node: int) -> str:
    """Return what rig notation says of power, slots and bridges."""
    options = ""
    cap = _CAP.search(row["notes"])
    board_w = gpu.board_power_w
    if cap and board_w and float(cap[1] or cap[2]) < board_w:
        options += f"@{cap[1] or cap[2]}w"
    slot = _SLOT.search(row["interconnect"]) or _SLOT.search(row["notes"])
    if slot:
        options += f"@pcie{slot[1]}x{slot[2]}"
    fabric = gpu.fabric
    is_bridge = fabric is not None and fabric.topology not in {"switch", "mesh"}
    if is_bridge and per_node > 1 and _BRIDGE.search(row["interconnect"]):
        options += "@nvlink"
    return options


def _count(text: str, what: str) -> int:
    """Return a whole number of at least one."""
    if not re.fullmatch(r"\d{1,5}", text) or int(text) == 0:
        raise InputError(f"{what} is no whole number: {text[:20]!r}")
    return int(text)


def _labelled(row: Measurement, cards: int) -> _Ranks | None:
    """Return the layout that the name of a run states: ``…_tp8_ep8_12``.

    The tables multiply what is not to be multiplied: in ``tp8_ep8`` all eight experts' ranks are
    the eight tensor ranks, and the columns say 64 cards. Rows of both spellings have equal values.
    """
    label = _LABEL.search(row["source"])
    if label is None:
        return None
    engine = int(label[1])
    data = count_after("attention_dp", row["notes"]) or 1
    experts = count_after("moe_ep", row["notes"]) or 1
    if label[2] != "none":
        experts = int(label[2])
    if cards != engine:
        # Only where every card attends alone is it known that the engine did so.
        data = engine if data == cards else 1
    if engine % data:
        raise InputError(f"attention_dp={data} does not divide the {engine} cards of the engine")
    note = "" if cards == engine else f"{engine} cards by the run's name, {cards} in its columns"
    return _Ranks(engine, engine // data, 1, data, experts, note)


def _noted(row: Measurement, cards: int) -> _Ranks | None:
    """Return the layout that the notes state."""
    notes = row["notes"]
    dep = _DEP.search(notes)
    if dep:
        ranks = int(dep[1])
        return _Ranks(cards, 1, _optional(row["pp"]) or 1, ranks, ranks)
    data = count_after("attention_dp", notes) or 1
    if data > 1:
        # Every rank of an engine attends either alone or beside others: tp × attention_dp cards.
        experts = count_after("moe_ep", notes) or cards
        return _Ranks(cards, max(1, cards // data), 1, data, experts)
    if "LLM-Inference-Bench" not in row["source"]:
        return None
    return _of_paper(notes, cards)


def _of_paper(notes: str, cards: int) -> _Ranks | None:
    """Return the layout that the notes of LLM-Inference-Bench name."""
    hybrid = _HYBRID.search(notes)
    if hybrid:
        tp, other = int(hybrid[1]), int(hybrid[3])
        if hybrid[2].upper().startswith("P"):
            return _Ranks(cards, tp, other)
        return _Ranks(cards, tp * other, expert_parallel=other)
    whole = _WHOLE.search(notes)
    if whole is None:
        return None
    if whole[2]:
        return _Ranks(cards, 1, cards)
    return _Ranks(cards, cards, expert_parallel=cards if whole[3] else 1)


def _columns(row: Measurement, cards: int) -> _Ranks | None:
    """Return the layout of the columns, or ``None`` where they are blank."""
    tp, pp = _optional(row["tp"]), _optional(row["pp"])
    if tp is None and cards > 1:
        return None
    if "sm-layer" in row["source"] and pp in {None, 1}:
        return _Ranks(cards, 1, cards)
    experts = count_after("moe_ep", row["notes"]) or 1
    return _Ranks(cards, tp or 1, pp or 1, 1, experts)


def _optional(text: str) -> int | None:
    """Return a count, or ``None`` for blank."""
    return _count(text, "a number of ranks") if text else None


def _replicas(row: Measurement, ranks: _Ranks) -> int:
    """Return how many engines share the cards."""
    stated = count_after("instances", row["notes"]) or count_after("replicas", row["notes"])
    if ranks.cards % ranks.engine_cards:
        raise InputError(
            f"tp={ranks.tp} × pp={ranks.pp} × attention_dp={ranks.attention_dp} does not divide "
            f"the {ranks.cards} cards"
        )
    engines = ranks.cards // ranks.engine_cards
    if stated is not None and stated != engines:
        raise InputError(
            f"{stated} engines of {ranks.engine_cards} cards leave some of the {ranks.cards} cards "
            "without a place in the layout"
        )
    return engines


def _unstated(row: Measurement, subject: Subject, cards: int, catalog: Catalog) -> Layout:
    """Return the splits that a submission may have chosen, the smallest engine first."""
    nodes, per_node = _nodes(row["notes"], subject.gpu, cards)
    need_bytes = weight_bytes(subject.llm, subject.precision.weights)
    room_bytes = _ROOM_RATIO * subject.gpu.memory_bytes.mid
    fitting = [tp for tp in _WHOLE_RIG_TPS if tp * room_bytes > need_bytes]
    tps = [tp for tp in fitting if per_node % tp == 0 and tp_reason(subject.llm, tp) is None]
    if not tps:
        raise InputError("tp is not stated, and the weights fit no split inside one machine")
    splits = tuple(Parallelism(tp, 1, per_node // tp * nodes) for tp in tps)
    rig = rig_of(row, subject.gpu, cards, catalog)
    note = "" if cards == 1 else f"tp blank: best of {', '.join(map(str, tps))}"
    return Layout(rig, splits[0], 1, splits[1:], note)
