"""Systems: servers, racks, desktops and cloud instances as they are sold."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat, PositiveInt, model_validator

from rightrig.facts.source import Record, Source


class System(Record):
    """A machine with accelerators in it.

    Attributes:
        gpu_count: Accelerators in all its machines.
        nodes_count: Machines that it is made of, joined by their network; a rack whose
            accelerators share one fabric is one.
        rig: The accelerators in the notation of ``--on``, such as ``8xh100-sxm``.
        power_w: Most that the whole machine draws.
        network_bytes_per_s: One direction, all adapters of one machine together.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: Literal["server", "rack", "desktop", "workstation", "cloud"]
    gpu: str
    gpu_count: PositiveInt
    nodes_count: PositiveInt = 1
    topology: str
    host_cpu: str = ""
    host_memory: str = ""
    network: str = ""
    network_bytes_per_s: PositiveFloat | None = None
    power_w: PositiveFloat | None = None
    list_price_low_usd: PositiveFloat | None = None
    list_price_high_usd: PositiveFloat | None = None
    price_date: str = ""
    sources: tuple[Source, ...]
    note: str = ""

    @model_validator(mode="after")
    def _machines_are_equal(self) -> System:
        if self.gpu_count % self.nodes_count:
            raise ValueError("nodes_count must divide gpu_count")
        return self

    @property
    def rig(self) -> str:
        """The accelerators in the notation of ``--on``."""
        prefix = f"{self.nodes_count}n:" if self.nodes_count > 1 else ""
        return f"{prefix}{self.gpu_count // self.nodes_count}x{self.gpu}"
