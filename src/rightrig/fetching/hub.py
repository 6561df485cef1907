"""Configurations from the Hugging Face hub, kept in its own cache (``HF_HOME``).

Three small files decide a model's dimensions and sizes; weights are never fetched. Without a
network, what the cache holds is used.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rightrig.errors import InputError, MissingError, RightrigError

# A file and the largest size that is accepted of it: the same limits as where it is read.
_FILES: Final[dict[str, int]] = {
    "config.json": 16_000_000,
    "hf_quant_config.json": 16_000_000,
    "model.safetensors.index.json": 100_000_000,
}
_REQUIRED: Final = "config.json"
_PATIENCE_S: Final = 5.0
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY")


def fetch_config(hub_id: str) -> Path:
    """Return the folder with a model's configuration, fetched or from the cache.

    Args:
        hub_id: ``owner/name``.

    Raises:
        MissingError: without the extra, the network or the permission that it takes.
        InputError: when the hub has no such model, or a file is too large.
    """
    # Its library reads these when it is imported: three small files need no bars.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    try:
        import huggingface_hub  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise MissingError(
            f"{hub_id} is not in the catalogue, and fetching it from the hub takes an extra: "
            "pip install 'rightrig[hub]'; or give the path to its config.json"
        ) from error
    online = _is_reachable()
    config = _file(hub_id, _REQUIRED, online=online)
    for name in _FILES:
        if name != _REQUIRED:
            _file(hub_id, name, online=online)
    return Path(str(config)).parent


def _is_reachable() -> bool:
    """Whether the hub's host answers: its library would retry for half a minute to find out.

    Behind a proxy only the library knows the way.
    """
    from huggingface_hub import constants  # noqa: PLC0415 - an extra

    if constants.is_offline_mode():
        return False
    if any(os.environ.get(name) for name in _PROXIES):
        return True
    parts = urlsplit(constants.ENDPOINT)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_PATIENCE_S).close()
    except OSError:
        return False
    return True


def _file(hub_id: str, name: str, *, online: bool) -> Path | None:
    """Return one file, or ``None`` where the model has none and needs none."""
    from huggingface_hub import errors  # noqa: PLC0415 - an extra
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # noqa: PLC0415 - an extra
        HTTPError,  # of its HTTP library, which changes by version
    )

    try:
        return _download(hub_id, name, online=online)
    except (HTTPError, errors.EntryNotFoundError, OSError, ValueError) as error:
        if name != _REQUIRED and isinstance(error, errors.EntryNotFoundError):
            return None
        raise _refusal(hub_id, error) from error


def _refusal(hub_id: str, error: Exception) -> RightrigError:
    """Return our sentence for what the hub's library raised."""
    from huggingface_hub import constants, errors  # noqa: PLC0415 - an extra

    if isinstance(error, errors.GatedRepoError):
        return MissingError(
            f"{hub_id} is gated: accept its terms on {constants.ENDPOINT}/{hub_id}, then run "
            "'hf auth login'; or give the path to its config.json"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return InputError(
            f"no model is called {hub_id!r}, neither in the catalogue nor on {constants.ENDPOINT} "
            "(a private one takes 'hf auth login'); 'rightrig models list' shows the catalogue"
        )
    if isinstance(error, errors.LocalEntryNotFoundError):
        return _unreachable(hub_id, "and the cache does not hold it")
    if isinstance(error, errors.EntryNotFoundError):
        return InputError(
            f"{hub_id} has no config.json on {constants.ENDPOINT}; download one of its GGUF files "
            "and name that, or name the model that it was made from"
        )
    return _unreachable(hub_id, f"({type(error).__name__})")


def _download(hub_id: str, name: str, *, online: bool) -> Path:
    """Fetch one file, unless it is larger than what will be read of it."""
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - an extra

    if not online:
        return Path(hf_hub_download(hub_id, name, local_files_only=True))
    plan = hf_hub_download(hub_id, name, etag_timeout=_PATIENCE_S, dry_run=True)
    size_bytes = plan.file_size
    if size_bytes is not None and size_bytes > _FILES[name]:
        raise InputError(
            f"{name} of {hub_id} has {size_bytes:,} bytes, more than the {_FILES[name]:,} of any "
            "real one"
        )
    return Path(hf_hub_download(hub_id, name, etag_timeout=_PATIENCE_S))


def _unreachable(hub_id: str, why: str) -> MissingError:
    """Return the error for a hub that cannot be asked."""
    from huggingface_hub import constants  # noqa: PLC0415 - an extra

    return MissingError(
        f"{hub_id} is not in the catalogue, {constants.ENDPOINT} cannot be reached {why}; with a "
        f"network run 'hf download {hub_id} config.json', or give the path to its config.json"
    )
