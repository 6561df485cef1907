"""Lists of offers for tests of ``prices refresh``: as values, and as gpuhunt publishes them."""

from __future__ import annotations

import dataclasses
import datetime
import zipfile
from typing import TYPE_CHECKING, Any

from rightrig.fetching.gpuhunt_offers import Offered, ProviderList

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TODAY = datetime.date(2026, 11, 21)


def offered(
    instance: str,
    gpu: str,
    memory_gib: float | None,
    usd_per_hour: float,
    count: int = 1,
    place: str = "us-east-1",
    *flags: str,
) -> Offered:
    """An offer on demand, with what most of them share left out."""
    return Offered(instance, place, usd_per_hour, count, gpu, memory_gib, False, flags)  # noqa: FBT003 - by its place


def spot(offer: Offered) -> Offered:
    """The same offer, to be withdrawn at any time."""
    return dataclasses.replace(offer, is_spot=True)


def listed(provider: str, *offers: Offered, date: datetime.date = TODAY) -> ProviderList:
    """A provider's list."""
    return ProviderList(provider, date, f"gpuhunt: {provider} test", offers)


AWS = (
    offered("p5.48xlarge", "H100", 80.0, 55.04, 8),
    spot(offered("p5.48xlarge", "H100", 80.0, 24.0, 8)),
    offered("p4d.24xlarge", "A100", 40.0, 21.96, 8),
    offered("g5.xlarge", "A10G", 22.35, 1.006),
    offered("m7i.large", "", None, 0.1, 0),
)
LAMBDA = (
    offered("gpu_8x_h100_sxm5", "H100", 80.0, 23.92, 8, "us-west-1"),
    offered("gpu_1x_h100_pcie", "H100", 80.0, 2.49, 1, "us-west-1"),
    offered("gpu_1x_gh200", "GH200", 96.0, 1.49, 1, "us-west-1", "lambda-arm"),
    offered("gpu_1x_a100", "A100", 40.0, 1.29, 1, "us-west-1"),
    offered("gpu_4x_a6000", "A6000", 48.0, 3.2, 4, "us-west-1"),
    offered("gpu_8x_b200_sxm6", "B200", 180.0, 39.92, 8, "us-west-1"),
)


def catalog_items(provider: str, offers: Iterable[Offered]) -> list[Any]:
    """The same offers as gpuhunt's own class."""
    import gpuhunt  # noqa: PLC0415 - an extra

    return [
        gpuhunt.CatalogItem(
            provider=provider, instance_name=o.instance, location=o.location,
            price=o.price_usd_per_hour, cpu=8, memory=64.0, gpu_count=o.cards_count,
            gpu_name=o.gpu_name or None, gpu_memory=o.memory_gib, spot=o.is_spot, disk_size=None,
            gpu_vendor=gpuhunt.AcceleratorVendor.NVIDIA if o.cards_count else None,
            flags=list(o.flags),
        )
        for o in offers
    ]  # fmt: skip


def publish(
    host: Path, provider: str, offers: Iterable[Offered], version: str = "20261120-1"
) -> Path:
    """Lay a list out as gpuhunt's collectors do; return its archive."""
    from gpuhunt._internal import storage  # noqa: PLC0415 - writes the format; nothing public does

    folder = host / provider / version
    folder.mkdir(parents=True)
    (host / provider / "version").write_text(version)
    table = folder / f"{provider}.csv"
    storage.dump(catalog_items(provider, offers), str(table))
    return archive(folder / "catalog.zip", provider, table.read_text())


def archive(
    path: Path, provider: str, table: str, day: tuple[int, int, int] = (2026, 11, 20)
) -> Path:
    """Write an archive with one list."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(zipfile.ZipInfo(f"{provider}.csv", (*day, 0, 0, 0)), table)
    return path
