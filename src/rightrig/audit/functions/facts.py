"""Facts of the catalogue by record and field: the unit ends the field's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.audit.amounts import Amount, amount_of, varying
from rightrig.audit.reads import Watched
from rightrig.audit.units import parse_unit, unit_of_name
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.facts.source import Record
from rightrig.facts.tariff import tariff_of_region
from rightrig.interval import Interval

if TYPE_CHECKING:
    from rightrig.audit.amounts import Value
    from rightrig.audit.naming import Setting

_MOST_STEPS: Final = 4


def gpu(setting: Setting, card: str, field: str) -> Value:
    """Return a field of a card's record: ``gpu("h100-sxm", "peak.bf16_flop_per_s")``."""
    return field_of(setting, "gpus", setting.catalog.gpu(card), field)


def llm(setting: Setting, model: str, field: str) -> Value:
    """Return a field of a model's record."""
    return field_of(setting, "llms", setting.catalog.llm(model), field)


def system(setting: Setting, name: str, field: str) -> Value:
    """Return a field of a machine's record."""
    return field_of(setting, "systems", setting.catalog.system(name), field)


def link(setting: Setting, name: str, field: str) -> Value:
    """Return a field of a link's record."""
    return field_of(setting, "links", setting.catalog.link(name), field)


def runtime(setting: Setting, name: str, field: str) -> Value:
    """Return a field of an engine's record."""
    return field_of(setting, "runtimes", setting.catalog.runtime(name), field)


def failure_rate(setting: Setting, name: str, field: str) -> Value:
    """Return a field of a published failure rate."""
    return field_of(setting, "failure_rates", setting.catalog.failure_rate(name), field)


def power_figure(setting: Setting, name: str) -> Amount:
    """Return a published figure about power: a PUE, a host's watts, a transient; not a tariff."""
    fact = setting.catalog.power_fact(name)
    _note(setting, "power", fact.slug, "low")
    unit = parse_unit({"ratio": "", "years": "yr", "percent": "%"}.get(fact.unit, fact.unit))
    return amount_of(Interval(fact.low, (fact.low + fact.high) / 2.0, fact.high), unit)


def tariff(setting: Setting, region: str) -> Amount:
    """Return what electricity costs in a region; where it has two ends, it varies between."""
    fact = tariff_of_region(setting.catalog, region)
    if fact.unit != "USD/kWh":
        raise InputError(f"the tariff of {plain(region, 40)} is in {fact.unit}")
    _note(setting, "power", fact.slug, "low")
    unit = parse_unit(fact.unit)
    low, high = amount_of(fact.low, unit), amount_of(fact.high, unit)
    return varying(low, high, "the contract and the day") if fact.high > fact.low else low


def mig(setting: Setting, card: str, profile: str, field: str) -> Value:
    """Return a field of a MIG profile of a card."""
    table = setting.catalog.mig_table(setting.catalog.gpu(card).slug)
    if table is None:
        raise InputError(f"{plain(card, 40)} has no table of MIG profiles")
    return field_of(setting, "mig", table.profile(profile), field, table.slug)


def mig_profiles_count(setting: Setting, card: str) -> float:
    """Return how many plain MIG profiles a card has: no ``+me``, no graphics."""
    profiles = setting.catalog.mig_profiles(setting.catalog.gpu(card).slug)
    return float(sum(profile.is_plain for profile in profiles))


def field_of(setting: Setting, kind: str, record: Record, field: str, slug: str = "") -> Value:
    """Return a field of a record, by its path.

    Raises:
        InputError: for a field that it does not have, or does not know.
    """
    found: object = record
    name = slug or str(getattr(record, "slug", ""))
    steps = field.split(".")
    for step in steps[:_MOST_STEPS]:
        fields = type(found).model_fields if isinstance(found, Record) else {}
        if step not in fields:
            known = ", ".join(sorted(fields)) or "none"
            raise InputError(f"{name} has no field {plain(step, 40)!r} there; it has {known}")
        found = getattr(found, step)
    _note(setting, kind, name, field)
    if isinstance(found, bool | str):
        return found
    if isinstance(found, int | float | Interval):
        return amount_of(found, unit_of_name(steps[-1]))
    raise InputError(f"{name} does not know {plain(field, 60)!r}, or it is no single value")


def _note(setting: Setting, kind: str, slug: str, field: str) -> None:
    """Keep the field that was read, where the catalogue remembers."""
    if isinstance(setting.catalog, Watched):
        setting.catalog.note_field(f"{kind}/{slug}", field)


FACTS: Final = (
    gpu, llm, system, link, runtime, failure_rate, power_figure, tariff, mig, mig_profiles_count,
)  # fmt: skip
