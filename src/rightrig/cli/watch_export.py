"""``rightrig watch export``: this machine's cards and engines for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from rightrig.cli.catalogs import CatalogFolders, chosen
from rightrig.errors import InputError, MissingError

if TYPE_CHECKING:
    from rightrig.watching.expected import Expected

_LEAST_S: Final = 1.0
_MOST_S: Final = 10.0


def watch_export(
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 9401,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    every: Annotated[str, typer.Option(metavar="TIME", help="Between readings: 1s to 10s.")] = "1s",
    engine: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="An engine's address; once for each replica."),
    ] = None,
    deployment: Annotated[
        str | None,
        typer.Option(
            metavar="FILE[#N]", help="What was planned: JSON of plan, predict or simulate."
        ),
    ] = None,
    folders: CatalogFolders = None,
) -> None:
    """Metrics of cards and engines for Prometheus."""
    every_s = _period_s(every)
    try:
        from rightrig.watching.exporting.serving import Settings, export
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "prometheus_client":
            raise
        raise MissingError(
            "exporting takes packages that are not here: pip install 'rightrig[watch]'"
        ) from None
    urls = tuple(engine or ())
    export(Settings(host, port, every_s, urls, _expected(deployment, folders, len(urls))))


def _period_s(text: str) -> float:
    """Return the time between two readings.

    Raises:
        InputError: for what is no time, or not one to read cards at.
    """
    from rightrig.quantities import parse

    period_s = parse(text, "time", name="--every")
    if not _LEAST_S <= period_s <= _MOST_S:
        raise InputError(
            f"--every is {text[:40]}: cards are read every {_LEAST_S:g} to {_MOST_S:g} s; more "
            "often costs what it measures, and less often misses what happens"
        )
    return period_s


def _expected(file: str | None, folders: list[str] | None, engines_count: int) -> Expected | None:
    """Return what a file says was planned, for so many engines."""
    if file is None:
        return None
    from rightrig.watching.expecting import expected_in

    return expected_in(file, chosen(folders), engines_count)
