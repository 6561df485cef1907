"""Steps of an engine in a trace: by what it says of them, by captured graphs, or by repetition.

1. *annotations*: spans that engines name, with the batch in the name where they say it: vLLM's
   ``execute_context_…_generation_…``, SGLang's ``step[DECODE bs=…]``, TensorRT-LLM's
   ``_forward_step``, PyTorch's ``ProfilerStep#…``. A kernel belongs to the span in which the host
   launched it, for a device works behind its host.
2. *graphs*: every replay of a captured graph with attention in it begins a step.
3. *repetition*: kernels that come once a step, evenly spaced; one that comes once a layer does
   not count.

A step lasts until the next one begins. Where an engine waits for requests between two, the step
lasts as long as its own kernels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from rightrig.measuring.profile.kernels import MIXING, kernel_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rightrig.measuring.profile.trace import Mark, Trace

How = Literal["annotations", "graphs", "repetition", "none"]
_WAIT_RATIO: Final = 4.0
"""A step that lasts longer than this many times the median of its kernels waited for requests."""
_EVEN_RATIO: Final = 0.15
"""Spread of the kernels of a step, over their mean, up to which they repeat."""
_LEAST_REPEATED: Final = 3
_LEAST_GRAPH_KERNELS: Final = 8
_LEAST_COVERED_RATIO: Final = 0.5


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step worked on, as far as the engine says it.

    Attributes:
        decode_seqs: Sequences that got a token.
        prompt_tokens: Tokens of prompts.
        context_tokens: Mean context of the sequences; ``None`` where it is not said.
    """

    decode_seqs: int
    prompt_tokens: int
    context_tokens: float | None = None

    @property
    def text(self) -> str:
        """In words."""
        parts = [f"{self.decode_seqs} decoding"] if self.decode_seqs else []
        parts += [f"{self.prompt_tokens:,} prompt tokens"] if self.prompt_tokens else []
        return ", ".join(parts) or "nothing"


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a trace, in order.

    Attributes:
        how: How they were found.
        step_of: The step of each kernel; −1 for none.
        starts_s, ends_s: Of each step.
        batches: What each worked on; ``None`` where nobody says.
        waited_count: Steps after which the engine waited for requests.
    """

    how: How
    step_of: NDArray[np.int64]
    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    batches: tuple[Batch | None, ...]
    waited_count: int = 0

    @property
    def spans_s(self) -> NDArray[np.float64]:
        """How long each lasted."""
        return self.ends_s - self.starts_s


def steps_of(trace: Trace, layers_count: int | None = None) -> Steps:
    """Return the steps of a trace; all of it as one step where there are none.

    Args:
        trace: The trace.
        layers_count: Layers that mix tokens, where the model is known: a pattern that comes as
            often within one step is a layer, no step.
    """
    by_mark = _by_marks(trace)
    if by_mark is not None:
        return by_mark
    for how, found in (("graphs", _graph_starts(trace)),
                       ("repetition", _repeated_starts(trace, layers_count))):  # fmt: skip
        if found is not None:
            step_of = np.searchsorted(found, np.arange(len(trace.starts_s)), side="right") - 1
            if how == "repetition":
                step_of = _without_rest(step_of)
            return _timed(trace, how, step_of, (None,) * len(found))  # type: ignore[arg-type] # one of How
    return _timed(trace, "none", np.zeros(len(trace.starts_s), dtype=np.int64), (None,))


def _timed(
    trace: Trace, how: How, step_of: NDArray[np.int64], batches: tuple[Batch | None, ...]
) -> Steps:
    """Return steps with their times, those without a kernel left out."""
    order = np.flatnonzero(step_of >= 0)
    numbers, first = np.unique(step_of[order], return_index=True)
    starts_s = trace.starts_s[order[first]]
    own_s = np.zeros(len(numbers))
    place = np.searchsorted(numbers, step_of[order])
    np.maximum.at(own_s, place, trace.ends_s[order])
    by_start = np.argsort(starts_s, kind="stable")
    starts_s, own_s, numbers = starts_s[by_start], own_s[by_start], numbers[by_start]
    renamed = np.full(int(step_of.max(initial=0)) + 1, -1)
    renamed[numbers] = np.arange(len(numbers))
    next_s = np.append(starts_s[1:], own_s[-1:])
    limit_s = _WAIT_RATIO * float(np.median(own_s - starts_s)) if len(numbers) else 0.0
    waits = next_s - starts_s > np.maximum(limit_s, own_s - starts_s)
    return Steps(
        how,
        np.where(step_of >= 0, renamed[np.maximum(step_of, 0)], -1),
        starts_s,
        np.where(waits, own_s, next_s),
        tuple(batches[number] for number in numbers),
        int(np.sum(waits)),
    )


def _by_marks(trace: Trace) -> Steps | None:
    """Return the steps that annotations tell of."""
    for marks in _families(trace.marks):
        step_of = _inside(trace, marks)
        covered = float(np.sum(trace.durations_s[step_of >= 0]))
        if covered >= _LEAST_COVERED_RATIO * float(np.sum(trace.durations_s)):
            found = _timed(trace, "annotations", step_of, tuple(batch_of(m.name) for m in marks))
            if len(found.starts_s):
                return found
    return None


def _families(marks: tuple[Mark, ...]) -> list[list[Mark]]:
    """Return groups of marks that may be steps, those of engines first; the host's before others.

    Of a device's marks an engine may have one a stream, which overlap: only those that follow
    each other count.
    """
    groups: dict[tuple[int, bool, str], list[Mark]] = {}
    for mark in marks:
        rank = next((n for n, pattern in enumerate(_ENGINES) if pattern.search(mark.name)), None)
        shape = _DIGITS.sub("#", mark.name) if rank is None else ""
        key = (len(_ENGINES) if rank is None else rank, mark.on_device, shape)
        groups.setdefault(key, []).append(mark)
    known = {key: _following(found) for key, found in groups.items()}
    own = sorted(key for key in known if key[0] < len(_ENGINES))
    other = [key for key in known if key[0] == len(_ENGINES) and len(known[key]) > 1]
    other.sort(key=lambda key: -sum(m.end_s - m.start_s for m in known[key]))
    return [known[key] for key in (*own, *other)]


def _following(marks: list[Mark]) -> list[Mark]:
    """Return the marks that begin when the one before has ended."""
    found: list[Mark] = []
    for mark in sorted(marks, key=lambda m: (m.start_s, -m.end_s)):
        if not found or mark.start_s >= found[-1].end_s:
            found.append(mark)
    return found


def _inside(trace: Trace, marks: list[Mark]) -> NDArray[np.int64]:
    """Return the mark in which each kernel was launched, or ran for marks of the device."""
    is_launched = not marks[0].on_device and not np.isnan(trace.launched_s).all()
    times_s = trace.launched_s if is_launched else trace.starts_s
    starts_s = np.array([mark.start_s for mark in marks])
    ends_s = np.array([mark.end_s for mark in marks])
    number = np.searchsorted(starts_s, times_s, side="right") - 1
    is_in = (number >= 0) & (times_s <= ends_s[np.maximum(number, 0)])
    return np.where(is_in, number, -1)


def _graph_starts(trace: Trace) -> NDArray[np.int64] | None:
    """Return the first kernel of each replayed graph that holds whole steps."""
    graph = np.isin(trace.launches, list(trace.graph_launches))
    if not graph.any():
        return None
    mixing = graph & _is_mixing(trace)
    numbers, first, count = np.unique(trace.launches[graph], return_index=True, return_counts=True)
    whole = np.isin(numbers, trace.launches[mixing]) & (count >= _LEAST_GRAPH_KERNELS)
    covered = np.isin(trace.launches, numbers[whole])
    is_most = np.sum(trace.durations_s[covered]) >= _LEAST_COVERED_RATIO * np.sum(trace.durations_s)
    if not whole.any() or not is_most:
        return None
    return np.sort(np.flatnonzero(graph)[first[whole]])


def _without_rest(step_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return repetitions without the last one, where the trace ends within it."""
    counts = np.bincount(step_of[step_of >= 0])
    is_whole = abs(counts[-1] - np.median(counts)) <= _EVEN_RATIO * np.median(counts)
    return step_of if is_whole else np.where(step_of == len(counts) - 1, -1, step_of)


def _is_mixing(trace: Trace) -> NDArray[np.bool_]:
    """Return whether each kernel mixes tokens."""
    known = np.array([kernel_class(name) in MIXING for name in trace.names])
    found: NDArray[np.bool_] = known[trace.name_index]
    return found


def _repeated_starts(trace: Trace, layers_count: int | None) -> NDArray[np.int64] | None:
    """Return the first kernel of each repetition: the rarest kernel that comes evenly.

    A pattern with one mixing kernel in it is a layer of one step, unless the model has one.
    """
    counts = np.bincount(trace.name_index, minlength=len(trace.names))
    mixing = np.cumsum(_is_mixing(trace))
    for count in np.unique(counts[counts >= _LEAST_REPEATED]):
        for name in np.flatnonzero(counts == count)[:16]:
            places = np.flatnonzero(trace.name_index == name)
            if not _is_even(places, len(trace.name_index)):
                continue
            between = np.diff(mixing[places])
            is_layer = bool(np.median(between) <= 1.0) and layers_count != 1
            return None if is_layer and mixing[-1] > 1 else places
    return None


def _is_even(places: NDArray[np.int64], whole: int) -> bool:
    """Whether places are evenly spaced and reach over most of a trace."""
    gaps = np.diff(places)
    mean = float(np.mean(gaps))
    is_wide = float(places[-1] - places[0]) + mean >= 0.8 * whole
    return is_wide and mean > 1.0 and float(np.std(gaps)) <= _EVEN_RATIO * mean


_DIGITS: Final = re.compile(r"\d+")
_VLLM_NEW: Final = re.compile(r"context_\d+\(sq(\d+)sk\d+\w*\)_generation_(\d+)\(sq\d+sk(\d+)")
_VLLM: Final = re.compile(r"context_\d+\((\d+)\)_generation_(\d+)\((\d+)\)")
_SGLANG: Final = re.compile(r"step\[(DECODE|EXTEND|MIXED) bs=(\d+)(?: toks=(\d+))?")
_TENSORRT: Final = re.compile(
    r"_forward_step ?\d*: (\d+) ctx reqs, (?:(\d+) ctx tokens, )?(\d+) gen reqs"
)
_TORCH: Final = re.compile(r"^ProfilerStep#\d+$")
_ENGINES: Final = (_VLLM_NEW, _VLLM, _SGLANG, _TENSORRT, _TORCH)


def batch_of(name: str) -> Batch | None:
    """Return what a step worked on, as an engine names it.

    >>> batch_of("execute_context_0(0)_generation_64(64)")
    Batch(decode_seqs=64, prompt_tokens=0, context_tokens=None)
    >>> batch_of("execute_4_context_0(sq0sk0sqsq0sqsk0)_generation_4(sq4sk1028sqsq4sqsk1028)")
    Batch(decode_seqs=4, prompt_tokens=0, context_tokens=257.0)
    >>> batch_of("step[EXTEND bs=2 toks=8192]")
    Batch(decode_seqs=0, prompt_tokens=8192, context_tokens=None)
    >>> batch_of("ProfilerStep#3") is None
    True
    """
    for pattern, told in _TOLD:
        found = pattern.search(name)
        if found is not None:
            return told(*(int(g) if g and g.isdigit() else g for g in found.groups()))
    return None


def _of_sglang(kind: str, seqs_count: int, tokens_count: int | None) -> Batch:
    """Return SGLang's batch: sequences that decode, or those whose prompts are read."""
    return Batch(seqs_count, 0) if kind == "DECODE" else Batch(0, tokens_count or 0)


_TOLD: Final[tuple[tuple[re.Pattern[str], Callable[..., Batch | None]], ...]] = (
    (_VLLM_NEW, lambda prompt, seqs, context: Batch(seqs, prompt, context / max(seqs, 1) or None)),
    (_VLLM, lambda prompt, seqs, _rows: Batch(seqs, prompt)),
    (_SGLANG, _of_sglang),
    (_TENSORRT, lambda prompts, tokens, seqs: Batch(seqs, tokens or 0) if tokens or not prompts
     else None),
)  # fmt: skip
