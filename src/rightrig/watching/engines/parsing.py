"""From the text that an engine serves to its state; what makes no sense is left out."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightrig.facts.reading import plain
from rightrig.watching.engines.histograms import histogram_of, merged
from rightrig.watching.engines.names import ENGINES, HOW, TENSORRT_LLM
from rightrig.watching.exposition import UnreadableError, samples_of
from rightrig.watching.states import EngineState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rightrig.watching.engines.names import Engine, How
    from rightrig.watching.states import Histogram

_PREFIXES: Final = "|".join(engine.prefix for engine in ENGINES)
_LINE: Final = re.compile(rf"({_PREFIXES})[:_](\w+)(?:\{{[^\n]*\}})?[ \t]+\S+[^\n]*")
_LONGEST_LINE: Final = 4_096
_MOST_CHARACTERS: Final = 1 << 20
"""Of the lines that count; a server of many ranks has a tenth of it, and parsing takes time."""
_PARTS: Final = ("_bucket", "_sum", "_count")
_RANKS: Final = ("pp_rank", "tp_rank", "moe_ep_rank")
_MOST_WAYS: Final = 64
"""In which requests end; each is a series of its own wherever it is kept."""
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class _Sample:
    """One line; ``name`` is without the engine's prefix."""

    name: str
    labels: Mapping[str, str]
    value_count: float


def state_of_metrics(url: str, at_s: float, text: str) -> EngineState:
    """Return what a text in Prometheus' format says of an engine.

    Raises:
        UnreadableError: where it is no metrics of an engine that is known.
        MissingError: where the parser is not installed.
    """
    engine, lines = _recognised(text)
    samples = _told_once(_samples(engine, lines))
    by_name: dict[str, list[_Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    models = sorted({one.labels["model_name"] for one in samples if "model_name" in one.labels})
    numbers: dict[str, Any] = {
        field: _number_count(_first(names, by_name), HOW[field])
        for field, names in engine.numbers.items()
    }
    ratio = numbers.get("kv_used_ratio")
    if ratio is not None and ratio > 1.0:
        numbers["kv_used_ratio"] = None  # not a share, whatever it is
    latencies = {latency: _histogram(names, by_name) for latency, names in engine.latencies.items()}
    return EngineState(
        url=url,
        at_s=at_s,
        kind=engine.kind,
        model=plain(", ".join(models), _LONGEST_NAME) if models else "",
        finished=_finished(engine, by_name),
        latencies={name: one for name, one in latencies.items() if one is not None},
        **numbers,
    )


def _recognised(text: str) -> tuple[Engine, list[str]]:
    """Return which engine a text is of, and its lines that count."""
    wanted = {engine.prefix: _wanted(engine) for engine in ENGINES}
    kept: dict[str, list[str]] = {engine.prefix: [] for engine in ENGINES}
    seen = Counter[str]()
    for line in text.split("\n"):
        found = _LINE.fullmatch(line) if len(line) <= _LONGEST_LINE else None
        if found is None:
            continue
        prefix, name = found.groups()
        seen[prefix] += 1
        if name in wanted[prefix]:
            kept[prefix].append(line)
    if not seen:
        raise UnreadableError(
            "it serves no metrics of vLLM, SGLang, llama.cpp or TensorRT-LLM (llama.cpp needs "
            "--metrics, SGLang --enable-metrics)"
        )
    engine = max(ENGINES, key=lambda one: seen[one.prefix])
    lines = kept[engine.prefix]
    if sum(map(len, lines)) > _MOST_CHARACTERS:
        raise UnreadableError("its metrics are longer than any engine's")
    return engine, lines


def _wanted(engine: Engine) -> frozenset[str]:
    """Return the names of an engine's lines that count."""
    names = {name for names in engine.numbers.values() for name in names}
    names |= {outcome.name for outcome in engine.outcomes}
    for several in engine.latencies.values():
        names |= {f"{name}{part}" for name in several for part in _PARTS}
    return frozenset(names)


def _samples(engine: Engine, lines: Sequence[str]) -> Iterator[_Sample]:
    """Yield the samples of lines."""
    start = len(engine.prefix) + 1
    for name, labels, value_count in samples_of("\n".join(lines) + "\n"):
        yield _Sample(name[start:], labels, value_count)


def _told_once(samples: Iterator[_Sample]) -> list[_Sample]:
    """Return the samples without those that tell the same again.

    SGLang repeats what all priorities have, and what the ranks of an engine do together. Of ranks
    that share their requests the first counts: it is another one in each group of ranks where
    attention is split by requests (``dp_rank``).
    """
    first: dict[tuple[str, tuple[tuple[str, str], ...]], _Sample] = {}
    for one in samples:
        if one.labels.get("priority", "") != "":
            continue
        rest = ((name, text) for name, text in one.labels.items() if name not in _RANKS)
        key = (one.name, tuple(sorted(rest)))
        if key not in first or _rank(one.labels) < _rank(first[key].labels):
            first[key] = one
    return list(first.values())


def _rank(labels: Mapping[str, str]) -> tuple[tuple[int, str], ...]:
    """Return which of the ranks a label set is of, in an order of numbers."""
    texts = (labels.get(name, "") for name in _RANKS)
    return tuple((len(text), text) for text in texts)


def _first(names: Sequence[str], by_name: Mapping[str, list[_Sample]]) -> list[_Sample]:
    """Return the samples of the first name that has any."""
    return next((by_name[name] for name in names if name in by_name), [])


def _number_count(samples: Sequence[_Sample], how: How) -> float | None:
    """Return one number of several label sets; ``None`` where none of them is a number."""
    values = [
        one.value_count
        for one in samples
        if math.isfinite(one.value_count) and one.value_count >= 0
    ]
    if not values:
        return None
    found = max(values) if how == "largest" else sum(values)
    if how == "mean":
        found /= len(values)
    return found if math.isfinite(found) else None


def _finished(engine: Engine, by_name: Mapping[str, list[_Sample]]) -> dict[str, float]:
    """Return how requests ended.

    Raises:
        UnreadableError: where there are more ways than any engine has.
    """
    found: dict[str, float] = {}
    for outcome in engine.outcomes:
        ways: dict[str, list[_Sample]] = {}
        for sample in by_name.get(outcome.name, ()):
            way = sample.labels.get(outcome.label, "") if outcome.label else outcome.way
            ways.setdefault(plain(way, 40) or "unknown", []).append(sample)
        for way, samples in ways.items():
            count = _number_count(samples, "sum")
            if count is not None:
                found[way] = found.get(way, 0.0) + count
    if len(found) > _MOST_WAYS:
        raise UnreadableError(f"its requests end in {len(found)} ways: more than any engine's")
    return found


def _histogram(names: Sequence[str], by_name: Mapping[str, list[_Sample]]) -> Histogram | None:
    """Return a latency over all label sets, by the first name that has one."""
    for name in names:
        if f"{name}_bucket" in by_name:
            found = _histograms(name, by_name)
            return merged(found)
    return None


def _histograms(name: str, by_name: Mapping[str, list[_Sample]]) -> list[Histogram]:
    """Return one histogram a label set; those that make no sense are left out."""
    sums = {_key(one.labels): one.value_count for one in by_name.get(f"{name}_sum", ())}
    buckets: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
    for sample in by_name[f"{name}_bucket"]:
        bound_s = _bound_s(sample.labels.get("le", ""))
        if bound_s is not None:
            buckets.setdefault(_key(sample.labels), {})[bound_s] = sample.value_count
    found = [histogram_of(counts, sums.get(key, math.nan)) for key, counts in buckets.items()]
    return [one for one in found if one is not None]


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return a label set without the bucket's bound."""
    return tuple(sorted((name, value) for name, value in labels.items() if name != "le"))


def _bound_s(text: str) -> float | None:
    """Return the upper bound of a bucket; ``None`` where the text is none."""
    try:
        bound_s = float(text)
    except ValueError:
        return None
    return None if math.isnan(bound_s) else bound_s


def state_of_iterations(url: str, at_s: float, text: str) -> EngineState:
    """Return what TensorRT-LLM's list of iterations says: its newest, and no counters.

    ``trtllm-serve`` answers it under ``/metrics``, and gives each iteration once.

    Raises:
        UnreadableError: where it is no such list.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("its list of iterations is no JSON") from error
    if not isinstance(found, list):
        raise UnreadableError("it answers JSON that is no list of iterations")
    newest = found[-1] if found and isinstance(found[-1], dict) else {}
    cache = newest.get("kvCacheStats")
    blocks = cache if isinstance(cache, dict) else {}
    used, most = _json_count(blocks, "usedNumBlocks"), _json_count(blocks, "maxNumBlocks")
    share = used / most if used is not None and most else None
    return EngineState(
        url=url,
        at_s=at_s,
        kind=TENSORRT_LLM.kind,
        running_count=_json_count(newest, "numActiveRequests"),
        waiting_count=_json_count(newest, "numQueuedRequests"),
        kv_used_ratio=share if share is not None and share <= 1.0 else None,
    )


def _json_count(member: Mapping[str, Any], name: str) -> float | None:
    """Return a number of JSON; ``None`` where it is none."""
    value = member.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        count = float(value)
    except OverflowError:
        return None
    return count if math.isfinite(count) and count >= 0.0 else None
