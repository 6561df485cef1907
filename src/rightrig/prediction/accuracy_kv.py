"""Rows of ``kv_capacity``: what engines say about their cache when they start."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.measurement import positive_number
from rightrig.facts.reading import plain
from rightrig.prediction.accuracy_run import Run, deployed
from rightrig.prediction.accuracy_score import Judged
from rightrig.prediction.accuracy_words import (
    engine_of,
    gpu_named,
    kv_named,
    llm_named,
    sized_by,
    source_project,
    stated,
    vllm_version,
    weights_named,
)
from rightrig.prediction.cache_room import pools, printed_tokens
from rightrig.prediction.paged_engines import PAGED
from rightrig.quantities import GIB

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement
    from rightrig.interval import Interval

_RATIO: Final = re.compile(r"(?:^|fraction\S*\s+)(0?\.\d+|1(?:\.0+)?)(?![\d.])", re.IGNORECASE)


def judge_kv(row: Measurement, catalog: Catalog) -> Judged:
    """Return a row of ``kv_capacity`` beside its prediction, in the row's own unit."""
    unit, block_tokens = _unit(row["block_size"])
    judged = Judged(
        row=row.row,
        names={
            "gpu": _card_name(row, catalog),
            "runtime": _runtime_name(row),
            "metric": f"KV {unit}",
            "model": plain(row["model"], 60) or "not stated",
            "source": source_project(row["source"]),
        },
        unit=unit,
        measured=None,
        predicted=None,
        reason=row.fault,
    )
    if row.fault:
        return judged
    try:
        judged = replace(judged, measured=positive_number(row["reported_tokens_or_blocks"]))
        predicted, note = _predicted(row, catalog, unit, block_tokens)
    except InputError as error:
        return replace(judged, reason=str(error))
    return replace(judged, predicted=predicted, reason=note)


def _unit(text: str) -> tuple[str, int]:
    """Return the unit that a row reports in, and the tokens of a block of it."""
    low = text.lower()
    if "gib" in low:
        return "GiB", 1
    number = re.search(r"\d{1,4}", low)
    if "block" in low and number:
        return "blocks", max(1, int(number[0]))
    return ("tokens", 1) if "token" in low else (plain(text, 20) or "no unit", 0)


def _card_name(row: Measurement, catalog: Catalog) -> str:
    """Return the card's slug, or what the row calls it."""
    try:
        return gpu_named(row["gpu"], catalog)[0].slug
    except InputError:
        return plain(row["gpu"], 40) or "not stated"


def _words(row: Measurement) -> str:
    """Return what a row says in prose."""
    return f"{row['notes']}; {row['gpu_memory_utilization']}; {row['source']}"


def _engine(row: Measurement) -> str:
    """Return the engine; vLLM where none is named, for whose logs the table was made."""
    named = engine_of(row["notes"]) or engine_of(row["gpu_memory_utilization"])
    return named or engine_of(row["source"]) or "vllm"


def _runtime_name(row: Measurement) -> str:
    """Return the engine and, of vLLM, the version up to its minor number."""
    engine = _engine(row)
    if engine != "vllm":
        return engine
    try:
        version, _ = vllm_version(_words(row))
    except InputError:
        return "vllm, undated"
    return f"vllm {'.'.join(version.split('.')[:2])}"


def _predicted(
    row: Measurement, catalog: Catalog, unit: str, block_tokens: int
) -> tuple[Interval, str]:
    """Return the prediction, and what had to be read into the row."""
    if block_tokens == 0:
        raise InputError(f"the unit {unit!r} is none of tokens, blocks and GiB")
    run, notes = _run(row, catalog)
    deployment = deployed(run, catalog)
    if unit == "GiB":
        return pools(deployment)[0][1].scaled(1.0 / GIB), notes
    tokens = printed_tokens(deployment, run.longest_tokens)
    return tokens.scaled(1.0 / block_tokens), notes


def _run(row: Measurement, catalog: Catalog) -> tuple[Run, str]:
    """Return the engine that a row was measured on, and what had to be read into the row."""
    engine = _engine(row)
    if engine not in PAGED:
        raise InputError(f"{engine} prints no capacity of its cache in this form")
    gpu, gpu_note = gpu_named(row["gpu"], catalog)
    llm, llm_note = llm_named(row["model"], catalog)
    ratio = _RATIO.search(stated(row["gpu_memory_utilization"], "the memory utilisation").strip())
    if ratio is None:
        raise InputError("the memory utilisation is no share of the card")
    weights, kv = weights_named(row["weight_dtype"], llm), kv_named(row["kv_dtype"])
    version, version_note = _version(row, engine, catalog)
    run = Run(
        llm=llm,
        gpu=sized_by(gpu, row["notes"]),
        runtime=engine,
        version=version,
        words=_words(row),
        weights=weights,
        kv=kv,
        cards_count=_whole(row["gpu_count"], "the number of cards"),
        memory_ratio=float(ratio[1]),
        max_model_tokens=_longest(row["max_model_len"]),
    )
    notes = [gpu_note, llm_note, version_note]
    return run, "; ".join(note for note in notes if note)


def _version(row: Measurement, engine: str, catalog: Catalog) -> tuple[str, str]:
    """Return vLLM's version: as stated, by the date, else today's."""
    if engine != "vllm":
        return "", ""
    try:
        return vllm_version(_words(row))
    except InputError as error:
        version = catalog.runtime("vllm").version
        return version, f"{error}: vLLM {version} taken"


def _whole(text: str, what: str) -> int:
    """Return a positive whole number."""
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text)):  # noqa: PLR2004 - a million cards are too many
        raise InputError(f"{what} is {plain(text, 20)!r}, no whole number")
    return int(text)


def _longest(text: str) -> int | None:
    """Return the longest sequence, where the row states it."""
    found = re.search(r"\d{1,9}", text.replace(",", ""))
    return int(found[0]) or None if found else None
