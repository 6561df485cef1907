"""The files of a user's catalogue, read guarded: bounded, and wrong ones become one sentence."""

from __future__ import annotations

import csv
import datetime
import itertools
import os
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, RecordError, RightrigError
from rightrig.facts.checking import validated
from rightrig.facts.gguf_own import MOST_LAYERS
from rightrig.facts.index import KINDS
from rightrig.facts.kinds import record_class
from rightrig.facts.price import age_days
from rightrig.facts.reading import plain, read_bounded
from rightrig.facts.source import Record, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rightrig.facts.api_price import ApiPrice
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.price import Price
    from rightrig.facts.runtime import Runtime

PRICES: Final = "prices"
API_PRICES: Final = "api"
"""Stem of the list of prices of hosted APIs; every other list is of rented cards."""
MOST_FILES: Final = 1_000
MAX_BYTES: Final = 200_000
"""Of one record or list of prices; the longest shipped record has 18,000."""
MAX_TOTAL_BYTES: Final = 8_000_000
"""Of all files of a catalogue together, configurations of models included."""
_MOST_DOTS: Final = 500
"""In one line of TOML: the time to read a key grows with the square of its parts."""
_DEEPEST: Final = 20
_LARGEST: Final = 1e18
_SMALLEST: Final = 1e-12
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
_CAPABILITY: Final = re.compile(r"\d{1,2}\.\d", re.ASCII)
_OF_A_CARD: Final = {
    "memory_marketed_gib": (0.25, 1e5),
    "memory_bandwidth_bytes_per_s": (1e8, 1e16),
}
_STATED: Final = "stated by the user"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file of a catalogue: a record, a model's configuration, or a list of prices."""

    kind: str
    slug: str
    path: Path


def files_in(folder: Path) -> tuple[FoundFile, ...]:
    """Return the files of a catalogue, sorted, without reading them.

    Raises:
        InputError: when there are too many, or one has no place in a catalogue.
    """
    files: list[FoundFile] = []
    total_bytes = 0
    for below in _names(folder):
        if not _has_a_place(below):
            continue
        for path in _names(below):
            file = _file(below.name, path)
            if file is None:
                continue
            files.append(file)
            total_bytes += os.stat(file.path).st_size if os.path.isfile(file.path) else 0  # noqa: PTH113, PTH116 - never raises on a ring of links
            if len(files) > MOST_FILES or total_bytes > MAX_TOTAL_BYTES:
                raise InputError(
                    f"{plain(folder)} is no catalogue: it holds more than {MOST_FILES:,} records "
                    f"or {MAX_TOTAL_BYTES // 1_000_000} MB; split it, or name the folder meant"
                )
    return tuple(files)


def _names(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, but for hidden files."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in itertools.islice(entries, MOST_FILES + 1)]
    except OSError as error:
        raise InputError(f"{plain(folder)} cannot be read ({error.strerror})") from error
    if len(names) > MOST_FILES:
        raise InputError(
            f"{plain(folder)} is no catalogue: more than {MOST_FILES:,} files lie in it"
        )
    return [folder / name for name in sorted(names) if not name.startswith(".")]


def _has_a_place(path: Path) -> bool:
    """Whether a path is the folder of one kind of record; other texts beside it are ignored."""
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        if path.name in (*KINDS, PRICES):
            return True
        raise InputError(
            f"{plain(path)} is no kind of record; a catalogue holds the folders "
            f"{', '.join(KINDS)} and {PRICES}"
        )
    if path.name in (*KINDS, PRICES) or path.suffix in {".toml", ".csv"}:
        raise InputError(
            f"{plain(path)} is a file, and no folder of records; put it into one of "
            f"{', '.join(KINDS)} or {PRICES}"
        )
    return False


def _file(kind: str, path: Path) -> FoundFile | None:
    """Return what a path within a folder of records is; nothing for notes beside them."""
    config = path / "config.json"
    if kind == "llms" and os.path.isdir(path):  # noqa: PTH112 - never raises
        return FoundFile(kind, _slug(path, path.name.lower()), config)
    if path.suffix in {".md", ".txt"} or path.name.endswith("~"):
        return None
    suffix = ".csv" if kind == PRICES else ".toml"
    if path.suffix == suffix:
        return FoundFile(kind, path.stem if kind == PRICES else _slug(path, path.stem), path)
    if path.name == config.name:
        raise InputError(
            f"{plain(path)}: put it into a folder that is called like the model, as in "
            "llms/my-model/config.json"
        )
    raise InputError(f"{plain(path)} is no record: the files of {kind}/ end in {suffix}")


def _slug(path: Path, slug: str) -> str:
    """Return the name that a file gives its record."""
    if _SLUG.fullmatch(slug):
        return slug
    raise InputError(
        f"{plain(path)}: a record's file is named in a-z, 0-9, '.', '-' and '_', "
        "as in my-card.toml; rename it"
    )


def read_record(file: FoundFile, below: Catalog) -> Record:
    """Return the record of a file, with the file among its sources.

    Raises:
        RightrigError: names the file and the field that is wrong.
    """
    own = _source(file, below)
    if file.path.name == "config.json":
        return _from_config(file, own, below)
    where = plain(file.path)
    table = toml_table(file.path, "record")
    slug = table.setdefault("slug", file.slug)
    if slug != file.slug:
        raise RecordError(
            f"{where}: slug is {plain(slug, 60)!r} and the file is called {file.path.name}; "
            "make them the same"
        )
    stated = table.get("sources", [])
    if isinstance(stated, list):
        table["sources"] = [*stated, own.model_dump(exclude_none=True)]
    _refuse_strange(table, where)
    record = validated(record_class(file.kind), table, where, strict=True)
    _refuse_meaningless(record, below, where)
    return record


def _source(file: FoundFile, below: Catalog) -> Source:
    """Return the file as the source of what it states."""
    replaces = file.slug in below.slugs(file.kind)
    note = f"{_STATED}; replaces the record {file.slug}" if replaces else _STATED
    return Source(reference=plain(file.path), kind="user", note=note)


def _from_config(file: FoundFile, own: Source, below: Catalog) -> Llm:
    """Return the model of a ``config.json``; ``owner--name`` as a folder is its hub id."""
    from rightrig.facts.models import find_llm  # noqa: PLC0415 - parsers only for such files

    llm = find_llm(str(file.path.absolute()), below)
    name = file.path.parent.name.replace("--", "/", 1)
    return llm.model_copy(update={"slug": file.slug, "name": name, "sources": (own,)})


def toml_table(path: Path, kind: str) -> dict[str, object]:
    """Return the table of a TOML file of a user; ``kind`` says what the file should be.

    Raises:
        RightrigError: when it cannot be read, is too large, or is no TOML.
    """
    text = _text(path, kind)
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise RecordError(f"{plain(path)}: a line holds more than {_MOST_DOTS} dots; split it")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise RecordError(f"{plain(path)} is no {kind}: it is nested too deeply") from error
    except ValueError as error:
        raise RecordError(f"{plain(path)} is no TOML: {plain(error, 200)}") from error


def _text(path: Path, kind: str) -> str:
    """Return the text of a file that may be long or no text at all."""
    content = read_bounded(path, kind, MAX_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordError(f"{plain(path)} is no {kind}: it is not UTF-8 text") from error


def read_prices(path: Path) -> Iterator[tuple[str, Price]]:
    """Yield the offers of a CSV file, each with where it stands.

    ``provider``, ``gpu``, ``date`` and a price are needed; what else is left out is one card,
    stated by the user.
    """
    from rightrig.facts.price import Price  # noqa: PLC0415 - only where there are prices

    for where, cells in _rows(path):
        price = validated(Price, _with_defaults(cells, plain(path)), where)
        _refuse_strange(price.model_dump(), where)
        _refuse_undated(price, where)
        yield where, price


def read_api_prices(path: Path) -> Iterator[tuple[str, ApiPrice]]:
    """Yield the prices of hosted APIs in a CSV file, each with where it stands.

    ``provider``, ``llm``, ``date`` and dollars a million tokens in and out are needed.
    """
    from rightrig.facts.api_price import ApiPrice  # noqa: PLC0415 - as above

    for where, cells in _rows(path):
        stated = {"offer": "", "source": f"{_STATED} in {plain(path)}", "trust": "user"}
        price = validated(ApiPrice, {**stated, **cells}, where)
        _refuse_strange(price.model_dump(), where)
        _refuse_no_day(price.date, where)
        yield where, price


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the filled cells of each row of a list of prices, with where it stands."""
    lines = _text(path, "list of prices").splitlines()
    if not lines:
        raise RecordError(f"{plain(path)} is no list of prices: its first row names the columns")
    try:
        for number, row in enumerate(csv.DictReader(lines, strict=True), 2):
            where = f"{plain(path)} row {number}"
            if None in row:
                raise RecordError(f"{where} has more cells than the first row has columns")
            yield where, {key: value for key, value in row.items() if value}
    except csv.Error as error:
        raise RecordError(f"{plain(path)} is no list of prices: {error}") from error


def _with_defaults(row: Mapping[str, str], path: str) -> dict[str, str]:
    """Return a row with what a user need not write."""
    count = row.get("gpu_count", "1")
    defaults = {
        "region": "own",
        "instance": "",
        "gpu_count": count,
        "max_gpu_count": count,
        "source": f"{_STATED} in {path}",
        "trust": "user",
    }
    return {**defaults, **row, "user_file": path}


def _refuse_undated(price: Price, where: str) -> None:
    """Refuse a price that is none, or whose day nobody knows."""
    if price.on_demand_usd_per_hour is None and price.spot_usd_per_hour is None:
        raise RecordError(f"{where}: on_demand_usd_per_hour is missing; a row states a price")
    _refuse_no_day(price.date, where)


def _refuse_no_day(date: str, where: str) -> None:
    """Refuse a date that is none."""
    try:
        known = re.fullmatch(r"20\d\d(-\d\d){0,2}", date, re.ASCII) is not None
        age_days(date, datetime.date.max)  # raises for a 13th month
    except ValueError:
        known = False
    if not known:
        raise RecordError(
            f"{where}: date is {plain(date, 40)!r}; write the day of the price, as 2026-11-20"
        )


def _refuse_meaningless(record: Record, below: Catalog, where: str) -> None:
    """Refuse what the schema allows and no formula could work with."""
    from rightrig.facts.gpu import Gpu  # noqa: PLC0415 - as used
    from rightrig.facts.llm import Llm  # noqa: PLC0415 - the same
    from rightrig.facts.runtime import Runtime  # noqa: PLC0415 - the same

    if isinstance(record, Gpu):
        _refuse_impossible_card(record, where)
    if isinstance(record, Llm):
        _refuse_unknown_format(record, where)
    if isinstance(record, Runtime):
        _refuse_impossible_runtime(record, below, where)


def _refuse_impossible_card(gpu: Gpu, where: str) -> None:
    """Refuse a card without a rate, or with the size and speed of none that was ever built."""
    peak = gpu.peak
    if not (peak.bf16_flop_per_s or peak.fp16_flop_per_s or peak.fp32_flop_per_s):
        raise RecordError(
            f"{where}: peak has none of bf16_flop_per_s, fp16_flop_per_s and fp32_flop_per_s; "
            "state one"
        )
    capability = gpu.compute_capability
    if capability is not None and not _CAPABILITY.fullmatch(capability):
        raise RecordError(
            f"{where}: compute_capability is {plain(capability, 40)!r}; write it as NVIDIA does, "
            "such as '8.9', and leave it out for other makers"
        )
    values = {
        "memory_marketed_gib": gpu.memory_marketed_gib,
        "memory_bandwidth_bytes_per_s": gpu.memory_bandwidth_bytes_per_s,
    }
    for name, (least, most) in _OF_A_CARD.items():
        if not least <= values[name] <= most:
            raise RecordError(
                f"{where}: {name} is {values[name]:g}; of a card it lies between {least:g} and "
                f"{most:g}"
            )


def _refuse_impossible_runtime(runtime: Runtime, below: Catalog, where: str) -> None:
    """Refuse an engine that claims formulas, or compute capabilities that are none."""
    known = below.slugs("runtimes")
    if runtime.modelled and not (runtime.slug in known and below.runtime(runtime.slug).modelled):
        raise RecordError(
            f"{where}: modelled is true, and rightrig has no formulas for {runtime.slug}; "
            "leave it out"
        )
    stated = (
        runtime.min_compute_capability,
        *runtime.weight_formats.values(),
        *runtime.weight_formats_below.values(),
        *runtime.native_formats.values(),
        *(kernel.from_capability for kernel in runtime.attention),
        *(kernel.below_capability for kernel in runtime.attention),
    )
    wrong = next((c for c in stated if c is not None and not _CAPABILITY.fullmatch(c)), None)
    if wrong is not None:
        raise RecordError(
            f"{where}: {plain(wrong, 40)!r} is no compute capability; write it as NVIDIA does, "
            "such as '8.9'"
        )


def _refuse_unknown_format(llm: Llm, where: str) -> None:
    """Refuse a model in a format, or of a depth, that is not known."""
    from rightrig.facts.quantization import is_gguf_mix, weight_format  # noqa: PLC0415 - as used

    if llm.layer_count > MOST_LAYERS:
        raise RecordError(
            f"{where}: layout has {llm.layer_count:,} layers; the most is {MOST_LAYERS:,}"
        )
    try:
        if not is_gguf_mix(llm.checkpoint.format):
            weight_format(llm.checkpoint.format)
    except RightrigError as error:
        raise RecordError(f"{where}: checkpoint.format: {error}") from error


def _refuse_strange(table: object, where: str) -> None:
    """Refuse values that no fact has: control characters, absurd numbers, deep tables."""
    left: list[tuple[str, object, int]] = [("", table, 0)]
    while left:
        name, value, depth = left.pop()
        if depth > _DEEPEST:
            raise RecordError(f"{where}: it is nested too deeply")
        if isinstance(value, dict):
            left += [(str(key), inner, depth + 1) for key, inner in value.items()]
            left += [("a key", key, depth + 1) for key in value]
        elif isinstance(value, list):
            left += [(name, inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            if not value.replace("\n", "").replace("\t", "").isprintable():
                raise RecordError(f"{where}: {plain(name, 60)} holds a control character")
        elif isinstance(value, int | float) and not _is_plausible(value):
            raise RecordError(
                f"{where}: {plain(name, 60)} is out of range: numbers are 0, or lie between "
                f"{_SMALLEST:g} and {_LARGEST:g}, in base units"
            )


def _is_plausible(value: float) -> bool:
    """Whether a number may be a fact: anything else would overflow in a formula."""
    return value == 0 or _SMALLEST <= abs(value) <= _LARGEST
