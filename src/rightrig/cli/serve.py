"""``rightrig serve``: the page and the REST API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from rightrig.cli.catalogs import CatalogFolders, chosen
from rightrig.errors import InputError, MissingError

if TYPE_CHECKING:
    from pathlib import Path

_EXTRA: Final = {"fastapi", "jinja2", "starlette", "uvicorn"}
_TOKEN: Final = "RIGHTRIG_TOKEN"  # noqa: S105 - the name of a variable
_LEAST_TOKEN_LENGTH: Final = 16
_MOST_TOKEN_BYTES: Final = 4096
_MOST_PROCESSES: Final = 256


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8000,
    open_: Annotated[bool, typer.Option("--open", help="Open a browser.")] = False,
    processes: Annotated[
        int, typer.Option(min=1, max=_MOST_PROCESSES, help="That hear requests.")
    ] = 1,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=_MOST_PROCESSES, help="That compute, of each; default one a core."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="By which it may be asked too.")
    ] = None,
    measured: Annotated[
        str | None, typer.Option(metavar="DIR", help="Tables of measured runs to show.")
    ] = None,
    token_file: Annotated[
        str | None, typer.Option(metavar="FILE", help=f"Token that lets add tables; or {_TOKEN}.")
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Compute every answer anew.")
    ] = False,
    folders: CatalogFolders = None,
) -> None:
    """The page and the REST API, on this machine."""
    serving, site = _web("serving"), _web("site")
    settings = site.Settings(
        token=_token(token_file), measured=_folder(measured),
        allowed_hosts=tuple(allowed_host or ()), workers_count=workers or os.cpu_count() or 1,
        caches=not no_cache,
    )  # fmt: skip
    place = serving.Place(host, port, processes, open_)
    serving.serve(chosen(folders), settings, place)


def _web(name: str) -> Any:  # noqa: ANN401 - a module of a room that the command line is beside
    """Return a module of the page, which comes with an extra.

    Raises:
        MissingError: without the extra.
    """
    import importlib

    try:
        return importlib.import_module(f"rightrig.web.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise MissingError(
            "the page takes packages that are not here: pip install 'rightrig[web]'"
        ) from None


def _folder(text: str | None) -> Path | None:
    """Return the folder of measured runs."""
    from pathlib import Path

    if text is None:
        return None
    folder = Path(text).expanduser()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--measured {text[:80]}: is no folder")
    return folder


def _token(file: str | None) -> str | None:
    """Return the token of a file or of the environment; it is never shown.

    Raises:
        InputError: for a file that cannot be read, or a token that is quickly guessed.
    """
    from pathlib import Path

    from rightrig.facts.reading import read_bounded

    found = os.environ.pop(_TOKEN, None)  # the processes that compute need not have it
    if file is not None:
        content = read_bounded(Path(file).expanduser(), "token file", _MOST_TOKEN_BYTES)
        found = content.decode("utf-8", "replace")
    if found is None:
        return None
    token = found.strip()
    if len(token) < _LEAST_TOKEN_LENGTH or not token.isascii() or not token.isprintable():
        raise InputError(
            f"the token has {len(token)} characters: take {_LEAST_TOKEN_LENGTH} or more of ASCII, "
            "such as 'openssl rand -hex 16' prints"
        )
    return token
