"""Systems: servers, racks, desktops and cloud instances as they are sold."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from rightrig.facts.source import Record, Source


class System(Record):
    """A machine with accelerators in it.

    Attributes:
        rig: The accelerators in the notation of ``--on``, such as ``8xh100-sxm``.
        power_w: Most that the whole machine draws.
        network_bytes_per_s: One direction, all adapters together.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: Literal["server", "rack", "desktop", "workstation", "cloud"]
    gpu: str
    gpu_count: PositiveInt
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

    @property
    def rig(self) -> str:
        """The accelerators in the notation of ``--on``."""
        return f"{self.gpu_count}x{self.gpu}"
