"""Tenants of several models in a file: ``[[tenants]]`` tables of TOML."""

from __future__ import annotations

import tomllib

from pydantic import PositiveInt

from rightrig.errors import InputError
from rightrig.facts.checking import validated
from rightrig.facts.source import Record


class TenantRow(Record):
    """One kind of tenant as a user writes it.

    Attributes:
        model: Catalogue name, hub id, ``config.json`` or GGUF file.
        name: What it is called in the answer; the model's name where it is left out.
        context: Tokens of its longest sequence.
        concurrency: Sequences at once.
        input, output: Tokens of a usual prompt and answer, for the speed.
        count: Tenants of this kind.
        ttft, tpot: Most mean latency, such as ``500ms``.
        rate: Requests that its engine must finish, such as ``0.5/s``.
    """

    model: str
    name: str | None = None
    runtime: str | None = None
    weights: str | None = None
    kv: str | None = None
    context: PositiveInt | None = None
    concurrency: PositiveInt = 1
    input: PositiveInt | None = None
    output: PositiveInt | None = None
    count: PositiveInt = 1
    ttft: str | None = None
    tpot: str | None = None
    rate: str | None = None


class TenantsFile(Record):
    """A whole file."""

    tenants: tuple[TenantRow, ...]


def read_rows(text: str, where: str) -> tuple[TenantRow, ...]:
    """Return the tenants that a file names.

    Args:
        text: The file's text.
        where: Its name, for messages.

    Raises:
        InputError: when it is no TOML or names no tenants.
        RecordError: names the field that is wrong.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{where} is no TOML: {error}"[:300]) from None
    rows = validated(TenantsFile, table, where, strict=True).tenants
    if not rows:
        raise InputError(f"{where} names no tenants; write [[tenants]] with a model for each kind")
    return rows
