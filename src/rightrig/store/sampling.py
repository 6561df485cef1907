"""Raw samples as Parquet, and back."""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import InputError
from rightrig.facts.reading import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MOST_BYTES: Final = 500_000_000


def check_name(name: str) -> None:
    """Check the name of samples, which becomes the name of a file.

    Raises:
        InputError: when it is no name.
    """
    if _NAME.fullmatch(name) is None:
        raise InputError(
            f"{plain(name, 60)!r} is no name of samples: 1 to 64 of a-z, 0-9, '_' and '-'"
        )


def encoded(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Return columns of one length as a Parquet file.

    Raises:
        InputError: for columns of several lengths, none, or more than 500 MB.
    """
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise InputError(f"samples are columns of one length, not {plain(lengths, 120)}")
    file = io.BytesIO()
    parquet.write_table(pa.table(dict(columns)), file, compression="zstd")
    if file.tell() > _MOST_BYTES:
        raise InputError(
            f"samples of {file.tell():,} B are more than the {_MOST_BYTES:,} B that are kept"
        )
    return file.getvalue()


def decoded(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the columns of a Parquet file; texts are arrays of ``str`` objects."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    table = parquet.read_table(pa.BufferReader(content))
    return {name: table.column(name).to_numpy() for name in table.column_names}


def digest(content: bytes) -> str:
    """Return the SHA-256 of a content."""
    return hashlib.sha256(content).hexdigest()
