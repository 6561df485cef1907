"""What the words of a published row of training say: batch, split, card, machine."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rightrig.deployment.rig import MAX_CARDS_PER_NODE, MAX_NODES, parse_rig
from rightrig.deployment.training import Adapter, Batch, TrainingSplit, TrainingStates
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.prediction.accuracy_words import count_after, gpu_named, llm_named
from rightrig.prediction.reading_runs_rules import first_rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.measurement import Measurement

BOOK: Final = "training.toml"
"""The file of rules."""
_WORDS: Final = ("method", "batch", "dtype", "notes")
_MICRO: Final = ("micro", "micro[_ -]batch", "local[_ -]batch", "lbs", "mbs", "bs", "batch[_ ]size")
_GLOBAL: Final = ("global[_ ]batch[_ ]size", "global[_ ]batch", "global", "gbs")
_ACCUMULATION: Final = (
    "grad_accum", "gradient[_ ]accumulation[_ ]steps", "gradient[_ ]accumulation", "gas",
)  # fmt: skip
_GLOBAL_TOKENS: Final = re.compile(r"global\D{0,8}(\d[\d,]{0,12})\s*tokens", re.IGNORECASE)
_BARE: Final = re.compile(r"\D{0,12}?(\d{1,6})\b")
_LENGTH: Final = re.compile(r"\s*(\d{1,8})\s*(k?)\s*\Z", re.IGNORECASE)
_GBIT: Final = re.compile(r"(\d{2,5})\s*Gb(?:ps|it/s|/s)", re.IGNORECASE)
_RANK: Final = re.compile(r"\b(?:lora[_ -]?)?(?:r|rank)\s*[= ]\s*(\d{1,4})\b", re.IGNORECASE)
_SPLITS: Final = {
    "tp": "tp|tensor[ _-]parallel",
    "pp": "pp|pipeline[ _-]parallel",
    "context_parallel": "cp|context[ _-]parallel",
}
"""Names of splits in rows, by those of the job."""
_SCHEDULE: Final = re.compile(r"\b1F1B\b", re.IGNORECASE)
"""The name of a schedule, whose digits are no ranks."""
_LAYERS: Final = re.compile(
    r"(?:checkpointing|\bac\b|ckpt)\D{0,12}\b(\d{1,2})/(\d{1,2})\b", re.IGNORECASE
)
"""A share of layers behind the word for recomputation: ``selective AC 1/3``."""
_MARKS: Final = str.maketrans("", "", "⁰¹²³⁴⁵⁶⁷⁸⁹*†‡")
"""Marks of footnotes that tables leave behind a name."""
_MOST_OF_A_MACHINE: Final = 8
"""Cards of one machine of a larger run, where a row does not say."""
_BITS_PER_BYTE: Final = 8.0
_LONGEST_TOKENS: Final = 1 << 24
_MOST_CARDS: Final = MAX_CARDS_PER_NODE * MAX_NODES


def texts(row: Measurement) -> Callable[[str], str]:
    """Return a row's columns by name, and ``words``: what it says beside its numbers."""
    words = "; ".join(row[column] for column in _WORDS)
    return lambda column: words if column == "words" else row[column]


def model_named(row: Measurement, catalog: Catalog) -> tuple[Llm, str]:
    """Return the model, and what had to be read into its name.

    Raises:
        InputError: for a model that no record knows.
    """
    said = first_rule("model", texts(row), BOOK)
    if said:
        return catalog.llm(said["model"]), said["said"]
    return llm_named(row["model"].translate(_MARKS).strip(), catalog)


def card_named(row: Measurement, catalog: Catalog) -> tuple[Gpu, str]:
    """Return the card, and what had to be read into it.

    Raises:
        InputError: for a card that no record knows.
    """
    said = first_rule("card", texts(row), BOOK)
    if not said:
        return gpu_named(row["gpu"], catalog)
    changed = {key: said[key] for key in ("memory_cuda_bytes", "memory_bandwidth_bytes_per_s")}
    return catalog.gpu(said["gpu"]).model_copy(update=changed), said["said"]


def rig_of(row: Measurement, gpu: Gpu, said: dict[str, Any], catalog: Catalog) -> Rig:
    """Return the cards as equal machines of at most eight, joined by the network of the row."""
    cards = whole_number(row["gpu_count"], "the number of cards", _MOST_CARDS)
    nodes = said.get("nodes", 1) or 1
    if nodes == 1 and cards > _MOST_OF_A_MACHINE:
        nodes = -(-cards // _MOST_OF_A_MACHINE)
    if cards % nodes:
        raise InputError(f"{cards} cards are no whole machines of {_MOST_OF_A_MACHINE}")
    text = f"{cards // nodes}x{gpu.slug}"
    if nodes > 1:
        rate = _network_bytes_per_s(row["notes"], said)
        text = f"{nodes}n:{text}" + (f"@net={rate / 1e9:g}GB/s" if rate else "")
    return _with_card(parse_rig(text, catalog), gpu)


def _with_card(rig: Rig, gpu: Gpu) -> Rig:
    """Return the rig with the row's own variant of a card."""
    return replace(rig, groups=tuple(replace(group, gpu=gpu) for group in rig.groups))


def _network_bytes_per_s(notes: str, said: dict[str, Any]) -> float | None:
    """Return what one machine sends a second: as stated, else the framework's usual one."""
    stated = _GBIT.search(notes)
    if stated:
        return float(stated[1]) * 1e9 / _BITS_PER_BYTE
    usual: float | None = said.get("network_bytes_per_s")
    return usual


def split_of(row: Measurement, said: dict[str, Any]) -> TrainingSplit:
    """Return how the row splits the job.

    Raises:
        InputError: for a split of no ranks.
    """
    words = _SCHEDULE.sub("", texts(row)("words"))
    ranks = [_ranks_after(names, words) for names in _SPLITS.values()]
    if 0 in ranks:
        raise InputError("a split of no ranks: tp, pp and cp start at 1")
    tp, pp, cp = (
        stated or said.get(name) or 1 for name, stated in zip(_SPLITS, ranks, strict=True)
    )
    sharing = said.get("sharing", "none")
    shard = (
        0 if sharing == "none" else (count_after("dp_shard", words) or said.get("shard_cards", 0))
    )
    return TrainingSplit(
        tp=tp, pp=pp, context_parallel=cp, sharing=sharing, shard_cards=shard,
        virtual_stages=said.get("virtual_stages", 1) if pp > 1 else 1,
    )  # fmt: skip


def _ranks_after(names: str, words: str) -> int | None:
    """Return the ranks of a split, stated behind its name or before it: ``TP 8``, ``8-way TP``."""
    stated = count_after(rf"(?:{names})(?:[ _-](?:size|degree))?", words)
    if stated is not None:
        return stated
    before = re.search(rf"\b(\d{{1,4}})[- ]?(?:way|x)?[- ](?:{names})\b", words, re.IGNORECASE)
    return int(before[1]) if before else None


def checkpointed_ratio(row: Measurement, said: dict[str, Any]) -> float:
    """Return the share of the layers that recompute: as a row states it, else as a rule says."""
    stated = _LAYERS.search(texts(row)("words"))
    if not stated or said.get("checkpointing") == "alternate":
        return float(said.get("checkpointed_ratio", 1.0))
    top, bottom = int(stated[1]), int(stated[2])
    return top / bottom if 0 < top <= bottom else 1.0


def batch_of(row: Measurement, said: dict[str, Any], split: TrainingSplit, ranks: int) -> Batch:
    """Return what a step reads.

    Raises:
        InputError: when the length or the batch is not stated.
    """
    seq_tokens = said.get("seq_tokens") if not row["seq_len"] or "seq_tokens" in said else None
    stated = _LENGTH.match(row["seq_len"])
    if stated:
        seq_tokens = int(stated[1]) * (1024 if stated[2] else 1)
    if not seq_tokens or seq_tokens > _LONGEST_TOKENS:
        raise InputError(f"the length of the sequences is no number: {plain(row['seq_len'], 30)!r}")
    words = f"{row['batch']}; {row['notes']}"
    micro = _first(_MICRO, words) or _bare(row["batch"]) or said.get("micro_seqs")
    total = _global_seqs(words, seq_tokens)
    accumulation = _first(_ACCUMULATION, words) or said.get("accumulation_count")
    if micro is None and total is not None:
        micro = max(1, total // (ranks * (accumulation or 1)))
    if micro is None:
        raise InputError("the batch is not stated")
    if accumulation is None and total is None and split.pp > 1:
        micro, accumulation = 1, micro  # a pipeline takes a batch one sequence after another
    if accumulation is None:
        total = total or said.get("step_tokens", 0) // seq_tokens
        accumulation = max(1, round(total / (ranks * micro)))
    return Batch(
        seq_tokens=seq_tokens,
        micro_seqs=micro,
        accumulation_count=accumulation,
        is_packed=said.get("is_packed", True),
    )


def _first(names: tuple[str, ...], words: str) -> int | None:
    """Return the number behind the first of some names that a text has; zero is none."""
    found = (count_after(name, words) for name in names)
    return next((number for number in found if number), None)


def _bare(text: str) -> int | None:
    """Return the number that a batch begins with."""
    found = None if "global" in text.lower() else _BARE.match(text)
    return (int(found[1]) or None) if found else None


def _global_seqs(words: str, seq_tokens: int) -> int | None:
    """Return the sequences of a step on all cards."""
    tokens = _GLOBAL_TOKENS.search(words)
    if tokens:
        return math.ceil(int(tokens[1].replace(",", "")) / seq_tokens)
    return _first(_GLOBAL, words)


def states_of(said: dict[str, Any]) -> TrainingStates:
    """Return how weights, gradients and the optimizer are stored."""
    names = (
        "optimizer", "base", "compute", "has_master_weights", "gradient_bits", "moment_bits",
        "weight_bits", "gathered_bits",
    )  # fmt: skip
    known = {name: said[name] for name in names if name in said}
    return TrainingStates(**known)


def adapter_of(row: Measurement, said: dict[str, Any]) -> Adapter:
    """Return the low-rank matrices; a rank that the row states counts."""
    stated = _RANK.search(texts(row)("words"))
    known = {
        key: said[key]
        for key in ("rank", "targets", "trains_embeddings", "has_dropout")
        if key in said
    }
    if stated and "lora" in row["method"].lower():
        known["rank"] = int(stated[1])
    return Adapter(**known)


def whole_number(text: str, what: str, most: int) -> int:
    """Return a count from 1.

    Raises:
        InputError: when it is none.
    """
    cleaned = text.strip()
    if not (cleaned.isascii() and cleaned.isdigit() and 1 <= int(cleaned[:9]) <= most):
        raise InputError(f"{what} is not stated: {plain(text, 30)!r}")
    return int(cleaned)
