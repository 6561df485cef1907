"""Rows of ``memory``: parts of an engine's memory, as it measured or printed them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.errors import InputError
from rightrig.facts.measurement import positive_number
from rightrig.facts.reading import plain
from rightrig.interval import Interval, sum_if_independent
from rightrig.prediction.accuracy_llama_cpp import llama_cpp_part
from rightrig.prediction.accuracy_run import Run, deployed
from rightrig.prediction.accuracy_score import Judged
from rightrig.prediction.accuracy_words import (
    count_after,
    engine_of,
    gpu_named,
    llm_named,
    source_project,
    vllm_version,
)
from rightrig.prediction.cache_room import pool_tokens, pools, printed_tokens
from rightrig.quantities import GIB, MIB

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement

_UNITS: Final = {"gib": GIB, "mib": MIB, "gb": 1e9, "bytes": 1.0, "b": 1.0, "tokens": 1.0}
_PARTS: Final = {
    "weights": ("weights", "encoder", "draft", "adapters"), "activation_peak": ("activation",),
    "non_torch": ("runtime",), "cudagraph_pool": ("graphs",), "cudagraph": ("graphs",),
}  # fmt: skip
"""Component of the table → the parts of ours that an engine's log means by it."""
_POOLS: Final = ("kv_pool", "kv")
_TOKENS: Final = "kv_tokens"
_GIVEN_POOL: Final = re.compile(r"(\d+(?:\.\d+)?)\s*GiB KV pool", re.IGNORECASE)
_UNDERSTOOD: Final = re.compile(
    r"(?:(?:tp|pp|dp|dcp|len|max_num_seqs|max_num_batched_tokens)=\d{1,9}|util=[\d.]+"
    r"|(?:weights|kv)=[\w.]+|ray-serve|mtp)\Z", re.IGNORECASE,
)  # fmt: skip
_AS_IN_REPORT: Final = "tp as in report"
_MOST_RANKS: Final = 8
_LONGEST: Final = 1 << 26
# The card that stands in where a pool's size is given: no figure of it is used.
_ANY_CARD: Final = "h100-sxm"


def judge_memory(row: Measurement, catalog: Catalog) -> Judged:
    """Return a row of ``memory`` beside its prediction, in the row's own unit."""
    unit = row["unit"].split()[0] if row["unit"].split() else "no unit"
    engine = engine_of(row["engine"])
    version = row["version"].split("(")[0].strip(" ~")
    judged = Judged(
        row=row.row,
        names={
            "gpu": _card_name(row, catalog),
            "runtime": f"{engine or plain(row['engine'], 30)} {plain(version, 20)}".strip(),
            "metric": plain(row["component"], 40) or "not stated",
            "model": plain(row["model"], 60) or "not stated",
            "source": source_project(row["source"]),
        },
        unit=plain(unit, 20),
        measured=None,
        predicted=None,
        reason=row.fault,
    )
    if row.fault:
        return judged
    try:
        judged = replace(judged, measured=positive_number(row["value"]))
        predicted, note = _predicted(row, engine, unit.lower(), catalog)
    except InputError as error:
        return replace(judged, reason=str(error))
    return replace(judged, predicted=predicted, reason=note)


def _card_name(row: Measurement, catalog: Catalog) -> str:
    """Return the card's slug, ``host`` for runs without one, or what the row calls it."""
    if row["hardware"].upper().startswith("CPU"):
        return "host"
    try:
        return gpu_named(row["hardware"], catalog)[0].slug
    except InputError:
        return plain(row["hardware"], 40) or "not stated"


def _predicted(
    row: Measurement, engine: str | None, unit: str, catalog: Catalog
) -> tuple[Interval, str]:
    """Return the prediction, and what had to be read into the row."""
    if engine is None:
        raise InputError(f"no engine is called {plain(row['engine'], 40)!r}")
    if unit not in _UNITS or (unit == "tokens") != (row["component"].lower() == _TOKENS):
        raise InputError(f"the unit {plain(unit, 20)!r} is none that the component comes in")
    if engine in LAYERED:
        if engine == "ollama":
            raise InputError("Ollama's logs of single buffers are not read yet")
        size, note = llama_cpp_part(row, catalog)
    else:
        size, note = _paged(row, engine, catalog)
    return size.scaled(1.0 / _UNITS[unit]), note


def _paged(row: Measurement, engine: str, catalog: Catalog) -> tuple[Interval, str]:
    """Return a part of the memory of an engine that pages, in bytes or tokens."""
    config, component = row["config"], row["component"].lower()
    given = _GIVEN_POOL.search(config)
    if component not in {*_PARTS, *_POOLS, _TOKENS}:
        raise InputError(f"{plain(component, 40)!r} is no part of {engine}'s memory")
    _check_words(_GIVEN_POOL.sub("", config))
    hardware = _ANY_CARD if given else row["hardware"]
    gpu, gpu_note = gpu_named(hardware, catalog)
    llm, llm_note = llm_named(row["model"], catalog)
    version, version_note = ("", "")
    if engine == "vllm":
        version, version_note = vllm_version(row["version"])
    run = Run(
        llm=llm,
        gpu=gpu,
        runtime=engine,
        version=version,
        words=f"{config}; {row['source']}",
        weights=_word("weights", config),
        kv=_word("kv", config),
        memory_ratio=_ratio(config),
        max_model_tokens=_longest(config),
    )
    deployment, split_note = _split(run, config, catalog)
    if given and component == _TOKENS:
        tokens = pool_tokens(deployment, float(given[1]) * GIB, run.longest_tokens)
        return Interval.around(tokens, 1.002), _joined(llm_note, version_note)
    notes = _joined(gpu_note, llm_note, version_note, split_note)
    if component in {*_POOLS, _TOKENS} and run.memory_ratio is None:
        raise InputError("the memory utilisation is not stated")
    return _part(deployment, component, run), notes


def _part(deployment: Deployment, component: str, run: Run) -> Interval:
    """Return a part of the first stage, whose log engines print."""
    if component == _TOKENS:
        return printed_tokens(deployment, run.longest_tokens)
    share, pool = pools(deployment)[0]
    if component in _POOLS:
        return pool
    names = _PARTS[component]
    return sum_if_independent(part.size_bytes for part in share.fixed if part.name in names)


def _split(run: Run, config: str, catalog: Catalog) -> tuple[Deployment, str]:
    """Return the deployment; where the split is the report's secret, the smallest that fits."""
    if _AS_IN_REPORT not in config:
        cards = (count_after("tp", config) or 1) * (count_after("pp", config) or 1)
        return deployed(replace(run, cards_count=cards), catalog), ""
    for ranks in (2**power for power in range(_MOST_RANKS.bit_length())):
        words = config.replace(_AS_IN_REPORT, f"tp={ranks}")
        try:
            deployment = deployed(replace(run, words=words, cards_count=ranks), catalog)
        except InputError:
            if ranks == _MOST_RANKS:
                raise
            continue
        if pools(deployment)[0][1].mid > 0.0:
            return deployment, f"tp={ranks}, the least that holds the weights"
    raise InputError(f"the weights fit on no {_MOST_RANKS} cards")


def _check_words(config: str) -> None:
    """Refuse words of a configuration that change what is not modelled."""
    for word in config.replace(_AS_IN_REPORT, "").split():
        if not _UNDERSTOOD.match(word):
            raise InputError(f"{plain(word, 40)!r} of the configuration is not understood")


def _ratio(config: str) -> float | None:
    """Return the memory utilisation that a configuration states."""
    found = re.search(r"\butil=(\d?\.\d+|1)(?![\d.])", config)
    return float(found[1]) if found else None


def _longest(config: str) -> int | None:
    """Return the longest sequence that a configuration states."""
    found = count_after("len", config)
    return min(found, _LONGEST) if found else None


def _word(name: str, config: str) -> str | None:
    """Return the value of a word of a configuration."""
    found = re.search(rf"\b{name}=([\w.]+)", config)
    return found[1].lower() if found else None


def _joined(*notes: str) -> str:
    """Return the notes that say something."""
    return "; ".join(note for note in notes if note)
