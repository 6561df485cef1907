"""Offers of rented cards through gpuhunt: from its hosted lists, from providers, or from files.

gpuhunt's collectors publish a list a provider: ``{provider}/version`` and
``{provider}/{version}/catalog.zip``, which holds ``{provider}.csv``. ``GPUHUNT_CATALOG_URL`` names
another host. Some providers are asked directly.
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import InputError, MissingError
from rightrig.facts.reading import no_file, open_regular, plain
from rightrig.fetching.gpuhunt_child import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rightrig.fetching.gpuhunt_child import Found

HOSTED: Final = (
    "aws", "azure", "cloudrift", "gcp", "lambdalabs", "nebius", "oci", "runpod", "verda",
)  # fmt: skip
"""Providers whose lists gpuhunt's collectors publish."""
KEYLESS: Final = ("lium", "vastai", "vultr")
"""Providers that answer anybody; the others of ``LIVE`` take a key in the environment."""
NAMES: Final = {"lambdalabs": "lambda"}
"""What gpuhunt calls a provider → what our prices call it; the same where it is not here."""
_URL: Final = "GPUHUNT_CATALOG_URL"
_FOLDER: Final = "GPUHUNT_CATALOG_DIR"
_MOST_FILE_BYTES: Final = 300_000_000
_VERSION: Final = re.compile(r"(20\d\d)(\d\d)(\d\d)(?:-\d+)?", re.ASCII)
_KIND: Final = "archive of gpuhunt's lists"


@dataclass(frozen=True, slots=True)
class Offered:
    """One offer as gpuhunt has it.

    Attributes:
        instance: The provider's name for the machine.
        location: Region, zone, data centre or country.
        price_usd_per_hour: Of the whole machine.
        cards_count: Accelerators, none for a machine without.
        gpu_name: gpuhunt's own name, without form factor.
        memory_gib: Of one card, as the provider rounds it; ``None`` where it does not say.
        is_spot: Whether it may be withdrawn at any time.
        flags: gpuhunt's marks of special kinds of offers.
    """

    instance: str
    location: str
    price_usd_per_hour: float
    cards_count: int
    gpu_name: str
    memory_gib: float | None
    is_spot: bool
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderList:
    """What one provider offers.

    Attributes:
        provider: gpuhunt's name of it.
        date: The day the list was collected.
        source: Where it is from.
        offers: As they came.
        unread_count: Rows that gpuhunt could not read.
    """

    provider: str
    date: datetime.date
    source: str
    offers: tuple[Offered, ...]
    unread_count: int = 0

    @property
    def name(self) -> str:
        """What our prices call the provider."""
        return NAMES.get(self.provider, self.provider)


@dataclass(frozen=True, slots=True)
class Download:
    """The lists that came, and why others did not.

    Attributes:
        failures: gpuhunt's name of a provider → why.
    """

    lists: tuple[ProviderList, ...]
    failures: Mapping[str, str]


def refuse_without_extra() -> None:
    """Say which extra refreshing takes.

    Raises:
        MissingError: without it.
    """
    if importlib.util.find_spec("gpuhunt") is None:
        raise MissingError("refreshing prices takes an extra: pip install 'rightrig[prices]'")


def provider_names(text: str | None) -> tuple[str, ...]:
    """Return gpuhunt's names of the providers that a user lists by commas.

    Raises:
        InputError: for one that it does not know.
    """
    if text is None:
        return (*HOSTED, *KEYLESS)
    ours = {own: theirs for theirs, own in NAMES.items()}
    wanted = [ours.get(word, word) for word in text.lower().replace(" ", "").split(",")]
    known = (*HOSTED, *LIVE)
    unknown = [word for word in wanted if word not in known]
    if unknown:
        names = ", ".join(sorted(NAMES.get(name, name) for name in known))
        raise InputError(f"no prices of {plain(unknown[0], 60)!r} can be had; those of {names} can")
    return tuple(dict.fromkeys(wanted))


def download(providers: Sequence[str], timeout_s: float, today: datetime.date) -> Download:
    """Return the offers of some providers, as of now.

    Args:
        providers: gpuhunt's names.
        timeout_s: After it, nothing is returned.
        today: The date of what a provider answers itself.

    Raises:
        MissingError: when the time runs out, or gpuhunt cannot run.
    """
    environment = {k: v for k, v in os.environ.items() if k != _FOLDER}
    found = _asked(providers, timeout_s, environment)
    host = environment.get(_URL, "")
    where = f"gpuhunt ({host})" if host else "gpuhunt"
    return _download(found, today, lambda name, version: f"{where}: {name} {version}".rstrip())


def from_files(
    paths: Sequence[Path], date: datetime.date | None, timeout_s: float, today: datetime.date
) -> Download:
    """Return the offers of archives that gpuhunt publishes, ``catalog.zip``.

    Args:
        paths: One or several; of a provider in two of them, the last counts.
        date: The day of the prices; default what the archives say.
        timeout_s: Most time to read them.
        today: The day that no list is younger than.

    Raises:
        InputError: for a file that is no such archive, or that does not say its day.
        MissingError: when gpuhunt cannot run.
    """
    dates: dict[str, datetime.date] = {}
    origin: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="rightrig-prices-") as folder:
        for path in paths:
            for provider, day in _extracted(path, Path(folder)).items():
                dates[provider] = date or _plausible(day, path, today)
                origin[provider] = plain(path.name, 80)
        environment = {**os.environ, _FOLDER: folder}
        found = _asked(sorted(dates), timeout_s, environment)
    return _download(found, dates, lambda name, _: f"gpuhunt: {name} of {origin[name]}")


def _extracted(path: Path, folder: Path) -> dict[str, datetime.date]:
    """Write the lists of one archive into a folder; return the providers and their days."""
    found: dict[str, datetime.date] = {}
    try:
        with open_regular(path, _KIND) as file, zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                provider = info.filename.removesuffix(".csv")
                if provider not in HOSTED or provider == info.filename:
                    continue
                if info.file_size > _MOST_FILE_BYTES:
                    raise no_file(path, _KIND, f"{info.filename} holds {info.file_size:,} bytes")
                (folder / info.filename).write_bytes(archive.read(info))
                found[provider] = datetime.date(*info.date_time[:3])
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, ValueError,
            NotImplementedError, RuntimeError) as error:  # fmt: skip
        raise no_file(path, _KIND, plain(error) or type(error).__name__) from error
    if not found:
        raise no_file(path, _KIND, f"it holds none of {', '.join(HOSTED)} as NAME.csv")
    return found


def _plausible(day: datetime.date, path: Path, today: datetime.date) -> datetime.date:
    """Return the day that an archive states, or refuse one that it cannot be of."""
    if datetime.date(2023, 1, 1) <= day <= today + datetime.timedelta(days=1):
        return day
    raise InputError(
        f"{plain(path)} says its prices are of {day.isoformat()}, which cannot be; "
        "say the day with --date 2026-11-20"
    )


def _asked(providers: Sequence[str], timeout_s: float, environment: Mapping[str, str]) -> Found:
    """Run gpuhunt in a process of its own, and end it after its time."""
    # A server that never answers costs one provider; the sum of them all ends the process.
    order = {"providers": list(providers), "patience_s": timeout_s / 2.0}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "rightrig.fetching.gpuhunt_child"],
            input=json.dumps(order), capture_output=True, text=True, check=False,
            timeout=timeout_s, env=dict(environment), encoding="utf-8",
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise MissingError(
            f"the prices did not come within {timeout_s:g} s, and those in use are unchanged; give "
            "it longer with --timeout 5min, or fewer providers with --provider aws"
        ) from error
    try:
        found: Found = json.loads(done.stdout)
    except ValueError as error:
        last = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        raise MissingError(
            f"gpuhunt failed, and the prices in use are unchanged: {plain(last)}"
        ) from error
    return found


def _download(
    found: Found,
    dates: Mapping[str, datetime.date] | datetime.date,
    source: Callable[[str, str], str],
) -> Download:
    """Return what the process found, as values."""
    lists = []
    for provider, content in found["lists"].items():
        version = content["version"]
        day = _day(version, dates if isinstance(dates, datetime.date) else dates[provider])
        offers = tuple(_offered(row) for row in content["rows"])
        lists.append(
            ProviderList(provider, day, source(provider, version), offers, content["unread"])
        )
    return Download(tuple(lists), found["errors"])


def _offered(row: list[Any]) -> Offered:
    """Return one row of the process as an offer."""
    instance, place, price_usd_per_hour, cards, gpu, memory_gib, is_spot, flags = row
    return Offered(
        instance, place, price_usd_per_hour, cards, gpu, memory_gib, is_spot, tuple(flags)
    )


def _day(version: str, otherwise: datetime.date) -> datetime.date:
    """Return the day of a list's version, ``20261121-3``; another where it has none."""
    match = _VERSION.fullmatch(version)
    try:
        return datetime.date(int(match[1]), int(match[2]), int(match[3])) if match else otherwise
    except ValueError:
        return otherwise
