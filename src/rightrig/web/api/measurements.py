"""Tables of measured runs: the only thing that a server stores, for those who have its token."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from rightrig.web.api.fields import UploadedFile  # noqa: TC001 - the same
from rightrig.web.problems import ProblemError, wrong
from rightrig.web.site import site_of
from rightrig.web.waiting import unless_gone

if TYPE_CHECKING:
    from rightrig.web.site import Site

ROUTER: Final = APIRouter(prefix="/measurements", tags=["measurements"])
MOST_TABLES_COUNT: Final = 50
"""Pages judge every row of all of them."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,70}(\.[A-Za-z0-9_-]{1,20}){0,3}\.csv")


def tables(folder: Path) -> tuple[Path, ...]:
    """Return the tables of a folder by name; links and what has another name do not count."""
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:  # not there yet, or not to be read
        return ()
    return tuple(sorted(path for path in found if path.is_file() and not path.is_symlink()))


@ROUTER.get("", operation_id="measurements")
async def listed(request: Request) -> dict[str, Any]:
    """List the stored tables of measured runs."""
    folder = site_of(request).settings.measured
    return {"measurements": [] if folder is None else await run_in_threadpool(_sizes, folder)}


def _sizes(folder: Path) -> list[dict[str, Any]]:
    """Return the name and the size of each table."""
    found = []
    for path in tables(folder):
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            found.append({"name": path.name, "size_bytes": path.stat().st_size})
    return found


@ROUTER.post("", operation_id="add_measurements", status_code=201)
async def add(request: Request, sent: UploadedFile) -> Response:
    """Store a table of measured runs, when `accuracy` understands it; takes the token."""
    folder = _writable(request)
    path = _checked(folder, sent.name)
    site = site_of(request)
    judged = site.workers.run(("accuracy",), {"file": sent.model_dump()})
    found = json.loads((await unless_gone(request, judged)).body)
    await run_in_threadpool(_store, folder, path, sent.text.encode())
    told = {"name": path.name, "table": found.get("table"), "rows_count": len(found["rows"])}
    return Response(
        json.dumps(told), 201, {"Location": f"/api/v1/measurements/{path.name}"},
        media_type="application/json",
    )  # fmt: skip


@ROUTER.get("/{name}", operation_id="one_of_measurements")
async def shown(request: Request, name: str) -> Response:
    """Return one stored table, as it was sent."""
    content = await run_in_threadpool(_content, site_of(request), name)
    return Response(content, media_type="text/csv; charset=utf-8")


@ROUTER.delete("/{name}", operation_id="remove_measurements", status_code=204)
async def remove(request: Request, name: str) -> Response:
    """Remove one stored table; takes the token."""
    _writable(request)
    path = await run_in_threadpool(_known, site_of(request), name)
    try:
        await run_in_threadpool(path.unlink, missing_ok=True)
    except OSError as error:
        raise _not_stored("removed", error) from None
    return Response(status_code=204)


def _writable(request: Request) -> Path:
    """Return the folder of tables, for those who may write.

    Raises:
        ProblemError: without a token or a folder on the server, or with a wrong token.
    """
    settings = site_of(request).settings
    if settings.token is None or settings.measured is None:
        raise ProblemError(
            403, "read-only", "this server stores nothing: start it with --measured DIR and "
            "--token-file FILE to allow it",
        )  # fmt: skip
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    right = secrets.compare_digest(given.strip().encode(), settings.token.encode())
    if kind.lower() != "bearer" or not right:
        raise ProblemError(
            401, "token", "storing takes the server's token: send it as 'Authorization: Bearer …'",
            headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
    return settings.measured


def _checked(folder: Path, name: str) -> Path:
    """Return where a new table goes.

    Raises:
        ProblemError: for a name that is none of a table, one that is taken, or too many tables.
    """
    if not _NAME.fullmatch(name):
        raise wrong("a table is named like runs.csv: letters, digits, - and _, then .csv", "name")
    found = tables(folder)
    if any(path.name == name for path in found):
        raise ProblemError(
            409, "taken", f"there is a table {name} already: DELETE it first, or choose another "
            "name", parameter="name",
        )  # fmt: skip
    if len(found) >= MOST_TABLES_COUNT:
        raise ProblemError(
            409, "full", f"{MOST_TABLES_COUNT} tables are stored, the most that may: DELETE some"
        )
    return folder / name


def _store(folder: Path, path: Path, content: bytes) -> None:
    """Write a table whole or not at all, and never over another."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".new-")
    except OSError as error:
        raise _not_stored("stored", error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        raise ProblemError(409, "taken", f"there is a table {path.name} already") from None
    except OSError as error:
        raise _not_stored("stored", error) from None
    finally:
        Path(name).unlink(missing_ok=True)


def _not_stored(what: str, error: OSError) -> ProblemError:
    """Return that the server's folder does not let a table be stored or removed."""
    return ProblemError(503, "storage", f"the table cannot be {what}: {error.strerror}")


def _content(site: Site, name: str) -> bytes:
    """Return what a stored table holds.

    Raises:
        ProblemError: when there is none of that name, or it is being removed.
    """
    try:
        return _known(site, name).read_bytes()
    except OSError:
        raise _unknown() from None


def _unknown() -> ProblemError:
    """Return that there is no such table."""
    return ProblemError(
        404, "unknown", "there is no such table: GET /api/v1/measurements lists all"
    )


def _known(site: Site, name: str) -> Path:
    """Return a stored table.

    Raises:
        ProblemError: when there is none of that name.
    """
    folder = site.settings.measured
    for path in () if folder is None else tables(folder):
        if path.name == name:
            return path
    raise _unknown()
