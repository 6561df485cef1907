"""How often hardware fails, as published: counts, devices and hours, never bare percentages."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from rightrig.facts.source import Record, Source
from rightrig.quantities import SECONDS_PER_HOUR

FailingPart = Literal["gpu", "memory", "silent", "node", "network", "software", "other"]
"""``memory``: of the cards, uncorrectable; ``silent``: a wrong result that nothing reported."""
FailureKind = Literal["interruption", "correctable", "uncorrectable", "silent", "defective"]
Device = Literal["gpu", "node", "memory-gb", "memory-mbit", "processor"]


class Cause(Record):
    """One row of a published table: what failed, and how often.

    Attributes:
        name: As the source calls it.
        part: To which part of a system the event is counted.
    """

    name: str
    part: FailingPart
    events_count: NonNegativeInt


class PublishedRate(Record):
    """A rate whose source gives no count: ``low_count`` to ``high_count`` events.

    Attributes:
        hours_count: Device hours in which they happen; ``None`` for shares of devices that are
            defective whatever the time.
        devices_count: Devices among which they happen.
    """

    low_count: PositiveFloat
    high_count: PositiveFloat
    devices_count: PositiveInt = 1
    hours_count: PositiveFloat | None = None


class FailureRate(Record):
    """What one source observed of failures.

    Attributes:
        kind: What an event is: ``interruption`` of a job or fault of a machine, a bit error that
            memory corrects, one that it only detects, a silent one, or ``defective`` devices.
        device: What the hours are of.
        gpus_per_device_count: Cards of a device; ``None`` where it is no card or machine.
        hardware: What was observed.
        causes: Events by cause; empty where only a rate is published.
        devices_count: Devices that were watched (gigabytes for memory).
        hours_count: Hours for which each was watched; for a mixed time the mean.
        devices_with_any_count: Devices with at least one event: what shows how far a few devices
            have most of the events.
        published: The rate, where the source gives no counts.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: FailureKind
    device: Device
    gpus_per_device_count: PositiveInt | None = None
    hardware: str
    causes: tuple[Cause, ...] = ()
    devices_count: PositiveInt | None = None
    hours_count: PositiveFloat | None = None
    devices_with_any_count: PositiveInt | None = None
    published: PublishedRate | None = None
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    note: str = ""

    @model_validator(mode="after")
    def _is_complete(self) -> FailureRate:
        counted = (bool(self.causes), self.devices_count is not None, self.hours_count is not None)
        if any(counted) != all(counted):
            raise ValueError("causes, devices_count and hours_count belong together")
        if all(counted) == (self.published is not None):
            raise ValueError("give either counts of events or a published rate")
        if self.published is not None and self.published.low_count > self.published.high_count:
            raise ValueError("low_count is above high_count")
        if (self.device in {"gpu", "node"}) != (self.gpus_per_device_count is not None):
            raise ValueError("gpus_per_device_count belongs to devices that are cards or machines")
        if self.devices_with_any_count is not None and not (
            self.devices_with_any_count <= min(self.events_count, self.devices_count or 0)
        ):
            raise ValueError("devices_with_any_count is above the events or the devices")
        return self

    @property
    def is_counted(self) -> bool:
        """Whether the source gives counts, from which an interval follows."""
        return self.published is None

    @property
    def events_count(self) -> int:
        """Events of all causes; 0 where only a rate is published."""
        return sum(cause.events_count for cause in self.causes)

    @property
    def exposure_s(self) -> float:
        """Seconds of all devices together; 0 where only a rate is published."""
        return (self.devices_count or 0) * (self.hours_count or 0.0) * SECONDS_PER_HOUR

    def events_of_count(self, part: FailingPart) -> int:
        """Return the events that are counted to one part."""
        return sum(cause.events_count for cause in self.causes if cause.part == part)
