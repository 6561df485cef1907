"""Kinds of records: which class the records of a folder are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightrig.facts.source import Record


def record_class(kind: str) -> type[Record]:
    """Return what the records of a folder are."""
    from rightrig.facts import (  # noqa: PLC0415 - as used
        failure_rate,
        gpu,
        link,
        llm,
        mig,
        part,
        power,
        provider,
        resale,
        runtime,
        system,
        terms,
        territory,
    )

    classes: dict[str, type[Record]] = {
        "failure_rates": failure_rate.FailureRate,
        "gpus": gpu.Gpu,
        "licences": terms.Licence,
        "links": link.Link,
        "llms": llm.Llm,
        "mig": mig.MigTable,
        "parts": part.Part,
        "power": power.PowerFact,
        "providers": provider.Provider,
        "resale": resale.Resale,
        "runtimes": runtime.Runtime,
        "systems": system.System,
        "territories": territory.Territory,
    }
    return classes[kind]
