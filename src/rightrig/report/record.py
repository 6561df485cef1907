"""What the reports of all kinds of records share: JSON by field names, notes and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, overload

from rightrig.report.document import Block, Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rightrig.demand.objective import Limits, Slo
    from rightrig.demand.workload import Workload
    from rightrig.facts.generation import Generation
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.mig import MigProfile
    from rightrig.facts.price import Price
    from rightrig.facts.runtime import Runtime
    from rightrig.facts.source import Record, Source
    from rightrig.facts.system import System
    from rightrig.facts.terms import Licence
    from rightrig.report.schema.demanding import LimitsJson, SloJson, WorkloadJson
    from rightrig.report.schema.gpus import (
        GenerationJson,
        GpuListedJson,
        GpuRecordJson,
        MigProfileJson,
    )
    from rightrig.report.schema.models import LicenceJson, ModelRecordJson
    from rightrig.report.schema.prices import PriceRecordJson
    from rightrig.report.schema.rigs import SystemListedJson, SystemRecordJson
    from rightrig.report.schema.runtimes import RuntimeListedJson, RuntimeRecordJson


LEFT_OUT: Final = frozenset({"sources", "note", "statements", "stacks"})
"""Fields that lists do without; ``show`` has them."""


@overload
def record_json(record: Gpu) -> GpuRecordJson: ...
@overload
def record_json(record: MigProfile) -> MigProfileJson: ...
@overload
def record_json(record: Generation) -> GenerationJson: ...
@overload
def record_json(record: Llm) -> ModelRecordJson: ...
@overload
def record_json(record: Licence) -> LicenceJson: ...
@overload
def record_json(record: System) -> SystemRecordJson: ...
@overload
def record_json(record: Runtime) -> RuntimeRecordJson: ...
def record_json(record: Record) -> Mapping[str, object]:
    """Return a record as JSON, with its own field names."""
    return record.model_dump(mode="json", exclude_none=True)


@overload
def listed_json(record: Gpu, left_out: frozenset[str]) -> GpuListedJson: ...
@overload
def listed_json(record: System, left_out: frozenset[str] = ...) -> SystemListedJson: ...
@overload
def listed_json(record: Runtime, left_out: frozenset[str] = ...) -> RuntimeListedJson: ...
@overload
def listed_json(record: Price, left_out: frozenset[str]) -> PriceRecordJson: ...
def listed_json(record: Record, left_out: frozenset[str] = LEFT_OUT) -> Mapping[str, object]:
    """Return a record as JSON as a list shows it."""
    return record.model_dump(mode="json", exclude_none=True, exclude=set(left_out))


@overload
def asked_json(record: Workload) -> WorkloadJson: ...
@overload
def asked_json(record: Slo) -> SloJson: ...
@overload
def asked_json(record: Limits) -> LimitsJson: ...
def asked_json(record: Workload | Slo | Limits) -> Mapping[str, object]:
    """Return what was asked as JSON; null where nothing was."""
    return record.model_dump(mode="json")


def tail(note: str, sources: Sequence[Source]) -> tuple[Block, ...]:
    """Return the note and the sources of a record."""
    lines = [Paragraph(f"Note: {note}")] if note else []
    for source in sources:
        what = f" [{', '.join(source.fields)}]" if source.fields else ""
        about = f" ({source.note})" if source.note else ""
        date = f", {source.date}" if source.date else ""
        lines.append(
            Paragraph(f"Source, {source.kind}: {source.reference}{date}{what}{about}", "dim")
        )
    return tuple(lines)
