"""From the words of ``finetune`` to a wish, the terms of a run, and an aim."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from rightrig.deployment.training import (
    CHECKPOINTINGS,
    COMPUTES,
    METHODS,
    OFFLOADS,
    OPTIMIZERS,
    SHARINGS,
    TARGETS,
    Adapter,
    TrainingStates,
)
from rightrig.errors import InputError
from rightrig.planning.finetuning.remedies import BASES
from rightrig.planning.finetuning.search import Aim
from rightrig.planning.finetuning.spending import Terms
from rightrig.planning.finetuning.wishes import StepWish, Wish
from rightrig.planning.search import tariff_of
from rightrig.prediction.parameters import tables
from rightrig.prediction.training.memory_parameters import memory_parameters
from rightrig.quantities import check_count, check_positive, parse
from rightrig.reliability.rates import rate_of
from rightrig.verbs.risk_words import long_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.deployment.training import Compute, Method, Sharing
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.failure_rate import FailureRate
    from rightrig.facts.gpu import Gpu

T = TypeVar("T", bound=str)
MOST_TOKENS: Final = 1e15
_MOST_SEQUENCE: Final = 10_000_000
_MOST_SEQS: Final = 1_000_000
_MOST_EXAMPLES_COUNT: Final = 1e12
_MOST_EPOCHS_COUNT: Final = 1e4
_MOST_RANK: Final = 4096
_MOST_RANKS: Final = 1024
_MOST_S: Final = 1e9
_MOST_USD: Final = 1e12
_SHOWN: Final = 40
_BATCH: Final = re.compile(r"(.+?)\s*(tokens|tok|seqs|sequences)?")


@dataclass(frozen=True, slots=True)
class WorkWords:
    """What a command says of the data."""

    tokens: str | None
    examples: str | None
    length: int | None
    epochs_count: float
    sequence: int
    packing: bool
    mean_length: int | None


@dataclass(frozen=True, slots=True)
class JobWords:
    """What a command says of how the model is trained."""

    method: str | None
    batch: str | None
    micro_batch: int | None
    accumulate: int | None
    optimizer: str
    master_weights: bool
    compute: str | None
    zero: int | None
    fsdp: bool
    tp: int | None
    pp: int | None
    cp: int | None
    checkpointing: str | None
    offload: str
    rank: int
    targets: str
    framework: str


@dataclass(frozen=True, slots=True)
class TermWords:
    """What a command says of failures and money."""

    failures: str
    save_time: str | None
    preempted_every: str | None


@dataclass(frozen=True, slots=True)
class AimWords:
    """What a command says of the rig to find."""

    deadline: str | None
    budget: str | None
    confidence: str


def one_of(text: str, known: Sequence[T], name: str) -> T:
    """Return a word that is one of a few.

    Raises:
        InputError: naming them.
    """
    word = text.strip().lower()
    if word not in known:
        raise InputError(f"{name} is {text[:_SHOWN]!r}: it is one of {', '.join(known)}")
    return cast("T", word)


def method_of(words: JobWords) -> Method | None:
    """Return the method; ``None`` where nobody says, or ``all``."""
    if words.method is None or words.method.strip().lower() == "all":
        return None
    return one_of(words.method, (*METHODS,), "--method")


def job_tokens(words: WorkWords) -> float | None:
    """Return the tokens to train on that are no padding: as said, or examples × length × epochs.

    Raises:
        InputError: for both, or examples without their length.
    """
    epochs = check_positive(words.epochs_count, name="--epochs", limit=_MOST_EPOCHS_COUNT)
    if words.tokens is not None:
        if words.examples is not None:
            raise InputError("--tokens and --examples both say how much: give one of them")
        return epochs * _big_count(words.tokens, "--tokens", MOST_TOKENS)
    if words.examples is None:
        return None
    if words.length is None:
        raise InputError("--examples needs their mean length in tokens: --length 400")
    length = min(check_count(words.length, name="--length", limit=_MOST_SEQUENCE), words.sequence)
    return epochs * length * _big_count(words.examples, "--examples", _MOST_EXAMPLES_COUNT)


def _big_count(text: str, name: str, limit_count: float) -> float:
    """Return a count that may be written with k, M, B or T."""
    bare = text.strip()
    for ending, times in (("B", 1e9), ("T", 1e12)):
        if bare.endswith(ending):
            found = times * parse(bare.removesuffix(ending), "count", name=name)
            return check_positive(found, name=name, limit=limit_count)
    return parse(bare, "count", name=name, limit=limit_count)


def _useful_ratio(words: WorkWords) -> float:
    """Return the share of tokens that are no padding: all where sequences are packed.

    Raises:
        InputError: where padding is asked for and nobody says how long examples are.
    """
    if words.packing:
        if words.mean_length is not None:
            raise InputError(
                "--mean-length goes with --no-packing: packed sequences have no padding"
            )
        return 1.0
    mean = words.mean_length or words.length
    if mean is None:
        raise InputError("--no-packing needs the mean length of an example: --mean-length 400")
    check_count(mean, name="--mean-length", limit=_MOST_SEQUENCE)
    return min(1.0, mean / words.sequence)


def _batch_seqs(text: str | None, sequence: int) -> int | None:
    """Return the sequences of a step, said in sequences or in tokens."""
    if text is None:
        return None
    match = _BATCH.fullmatch(text.strip()[:_SHOWN])
    if match is None:
        raise InputError("--batch is empty: write sequences, 64, or tokens, 131072tokens")
    count = parse(match[1], "count", name="--batch", limit=1e12)
    if match[2] in {"tokens", "tok"}:
        return max(1, round(count / sequence))
    if count != int(count):
        raise InputError(f"--batch is {text[:_SHOWN]!r}: a step has a whole number of sequences")
    return check_count(int(count), name="--batch", limit=_MOST_SEQS)


def _sharing(words: JobWords) -> Sharing | None:
    """Return how states are shared; ``None`` where nobody says.

    Raises:
        InputError: for another stage, and for both ways to say it.
    """
    if words.fsdp:
        if words.zero not in {None, 3}:
            raise InputError(f"--fsdp is --zero 3, and --zero is {words.zero}: give one of them")
        return "zero-3"
    if words.zero is None:
        return None
    if not 0 <= words.zero < len(SHARINGS):
        raise InputError(f"--zero is {words.zero}: the stages are 0, 1, 2 and 3")
    return SHARINGS[words.zero]


def wish_of(work: WorkWords, words: JobWords, method: Method, gpus: Iterable[Gpu] = ()) -> Wish:
    """Return what is said of a job; cards without BF16 compute in FP16 where nobody says."""
    step = StepWish(
        seq_tokens=check_count(work.sequence, name="--sequence", limit=_MOST_SEQUENCE),
        batch_seqs=_batch_seqs(words.batch, work.sequence),
        micro_seqs=_optional(words.micro_batch, "--micro-batch", _MOST_SEQS),
        accumulation_count=_optional(words.accumulate, "--accumulate", _MOST_SEQS),
        useful_ratio=_useful_ratio(work),
        is_packed=work.packing,
    )
    states = TrainingStates(
        optimizer=one_of(words.optimizer, OPTIMIZERS, "--optimizer"),
        base=BASES[method],
        compute=_compute(words, gpus),
        has_master_weights=words.master_weights,
        offload=one_of(words.offload, OFFLOADS, "--offload"),
    )
    return Wish(
        method=method,
        step=step,
        states=states,
        adapter=Adapter(
            check_count(words.rank, name="--rank", limit=_MOST_RANK),
            one_of(words.targets, TARGETS, "--targets"),
        ),
        sharing=_sharing(words),
        checkpointing=None
        if words.checkpointing is None
        else one_of(words.checkpointing, CHECKPOINTINGS, "--checkpointing"),
        tp=_optional(words.tp, "--tp", _MOST_RANKS) or 1,
        pp=_optional(words.pp, "--pp", _MOST_RANKS) or 1,
        context_parallel=_optional(words.cp, "--cp", _MOST_RANKS) or 1,
        framework=_framework(words.framework),
    )


def _optional(value: int | None, name: str, limit: int) -> int | None:
    """Return a whole number of at least one, where it is said."""
    return None if value is None else check_count(value, name=name, limit=limit)


def _compute(words: JobWords, gpus: Iterable[Gpu]) -> Compute:
    """Return the arithmetic: as said; else BF16, or FP16 where no card has it."""
    if words.compute is not None:
        return one_of(words.compute, COMPUTES, "--compute")
    cards = tuple(gpus)
    has_none = cards and all(gpu.peak.bf16_flop_per_s is None for gpu in cards)
    return "fp16" if has_none else "bf16"


def _framework(text: str) -> str:
    """Return a framework that is known."""
    known = sorted({*memory_parameters().frameworks, *tables("training_speed")["style"]})
    return str(one_of(text, known, "--framework"))


def terms_of(
    catalog: Catalog, work: WorkWords, words: TermWords
) -> tuple[Terms, FailureRate | None]:
    """Return the terms of a run, and the record of failures behind them."""
    record = None
    if words.failures.strip().lower() != "none":
        record = catalog.failure_rate(words.failures)
        if record.kind != "interruption":
            raise InputError(
                f"--failures {record.slug} counts {record.kind} errors, not interruptions; take "
                "llama-3 or meta-rsc-1"
            )
    terms = Terms(
        prices=catalog.prices(),
        tariff=tariff_of(catalog),
        job_tokens=job_tokens(work),
        fails=None if record is None else rate_of(record),
        gpus_per_device_count=1 if record is None else record.gpus_per_device_count or 1,
        save_s=_optional_s(words.save_time, "--save-time"),
        preempted_s=_optional_long_s(words.preempted_every, "--preempted-every"),
    )
    return terms, record


def _optional_s(text: str | None, name: str) -> float | None:
    """Return a time where it is said."""
    return None if text is None else parse(text, "time", name=name, limit=_MOST_S)


def _optional_long_s(text: str | None, name: str) -> float | None:
    """Return a time of hours or days where it is said."""
    return None if text is None else long_s(text, name)


def aim_of(words: AimWords) -> Aim:
    """Return deadline, budget, and how sure they are to be kept."""
    sure = one_of(words.confidence, ("surely", "likely"), "--confidence")
    deadline = _optional_long_s(words.deadline, "--deadline")
    budget = None
    if words.budget is not None:
        budget = parse(words.budget, "money", name="--budget", limit=_MOST_USD)
    return Aim(
        math.inf if deadline is None else deadline,
        math.inf if budget is None else budget,
        sure == "surely",
    )
