"""Rows of ``memory`` that llama.cpp printed: what a start takes, part by part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.quantization import KV_BITS, is_gguf_mix
from rightrig.facts.reading import plain
from rightrig.interval import Interval
from rightrig.prediction.accuracy_words import llm_named
from rightrig.quantities import MIB
from rightrig.work.ggml_alloc import HOST
from rightrig.work.llama_cpp import memory
from rightrig.work.llama_cpp_options import Options, place

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement

_KV_NAMES: Final = {"f16": "fp16", "f32": "fp32"}
_PARTS: Final = {"weights": "weights_bytes", "kv": "cache_bytes", "compute": "compute_bytes"}
_FOLLOWS: Final = {"weights": 1.001, "kv": 1.001, "compute": 1.01}
"""How far each part of 150 random starts lay from ours at most, as a factor
(benchmarks/llama_cpp_oracle.py); llama.cpp prints whole MiB, rounded down."""
_COUNTS: Final = ("c", "ub", "b", "np", "ngl", "n-cpu-moe")
_FORMATS: Final = ("ctk", "ctv")
_FLAGS: Final = ("swa-full", "no-repack", "kv-unified", "nkvo")
_DIGITS: Final = 9
# Builds of 2026-10-01 and before reserve for batches of tokens alone.
_MIXED_SINCE: Final = "2026-10-02"


def llama_cpp_part(row: Measurement, catalog: Catalog) -> tuple[Interval, str]:
    """Return one part of llama.cpp's memory in bytes, and what was read into the row.

    Raises:
        InputError: for words of the configuration that are not understood.
    """
    part = row["component"].lower()
    if part not in _PARTS:
        raise InputError(f"{plain(part, 40)!r} is no part of llama.cpp's memory")
    words = _words(row["config"])
    llm, note = llm_named(row["model"], catalog)
    on_host = row["hardware"].upper().startswith("CPU")
    shares = () if on_host else (1.0,)
    layers = int(words["ngl"]) if "ngl" in words else None
    placement = place(llm.layer_count, shares, layers, int(words.get("n-cpu-moe", "0")))
    options = _options(words, row["version"])
    found = memory(llm, _file_type(row["model"]), options, placement)
    size = getattr(found[HOST if on_host else 0], _PARTS[part])
    ratio = _FOLLOWS[part]
    return Interval(size / ratio - MIB, size, size * ratio), note


def _file_type(model: str) -> str:
    """Return the file type that a model's name ends with."""
    last = re.split(r"[\s:]", model.strip())[-1].lower()
    for name in (last, last.rpartition("-")[2]):
        if is_gguf_mix(name) or name == "bf16":
            return name
    raise InputError(f"the file type of {plain(model, 60)!r} is not stated")


def _words(config: str) -> dict[str, str]:
    """Return the words of a configuration: ``c=4096 fa=off swa-full``."""
    found = {}
    for word in config.split():
        name, _, value = word.lower().lstrip("-").partition("=")
        is_count = value.isascii() and value.isdigit() and len(value) < _DIGITS
        if (name in _COUNTS and is_count) or (name == "fa" and value in {"on", "off", "auto"}):
            found[name] = value
        elif name in _FORMATS and _KV_NAMES.get(value, value) in KV_BITS:
            found[name] = _KV_NAMES.get(value, value)
        elif name in _FLAGS and not value:
            found[name] = "on"
        else:
            raise InputError(f"{plain(word, 40)!r} of the configuration is not understood")
    if not int(found.get("c", "0")):
        raise InputError("the context (c=TOKENS) is not stated")
    return found


def _options(words: dict[str, str], version: str) -> Options:
    """Return how llama.cpp was started."""
    _check_start(words)
    date = re.search(r"20\d\d-\d\d-\d\d", version)
    defaults = Options(context_tokens=int(words["c"]))
    return Options(
        context_tokens=int(words["c"]),
        ubatch_tokens=int(words.get("ub", "0")) or defaults.ubatch_tokens,
        batch_tokens=int(words.get("b", "0")) or defaults.batch_tokens,
        slots_count=int(words.get("np", "0")) or 1,
        is_unified="kv-unified" in words,
        full_windows="swa-full" in words,
        key_format=words.get("ctk", defaults.key_format),
        value_format=words.get("ctv", defaults.value_format),
        flash_attention=words.get("fa") != "off",
        kv_on_host="nkvo" in words,
        mixes_batches=date is not None and date[0] >= _MIXED_SINCE,
    )


def _check_start(words: dict[str, str]) -> None:
    """Refuse what llama.cpp would not start with."""
    context = int(words["c"])
    if int(words.get("np", "1")) > context:
        raise InputError(f"np={words['np']} slots share a context of {context:,} tokens")
    if words.get("fa") == "off" and words.get("ctv", "fp16") not in {"fp16", "bf16", "fp32"}:
        raise InputError("a quantised cache of values needs flash attention (fa=on)")
