"""Reading a ``config.json`` from disk, guarded: what is none becomes one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 16_000_000
"""Real configurations stay below 3 MB, their lists of quantised modules included."""
_GGUF_MAGIC: Final = b"GGUF"


def load_config(path: Path) -> dict[str, object]:
    """Return the configuration in a file or in a folder that holds a ``config.json``.

    A ``hf_quant_config.json`` beside it joins as the key ``hf_quant_config``, unless the
    configuration states its quantisation itself.

    Raises:
        InputError: when there is no configuration there.
    """
    try:
        file = path / "config.json" if path.is_dir() else path
        config = _object(file)
        beside = file.with_name("hf_quant_config.json")
        if "quantization_config" not in config and beside.is_file():
            config["hf_quant_config"] = _object(beside)
    except (OSError, ValueError) as error:
        raise _no_configuration(path, str(error)) from error
    return config


def _object(file: Path) -> dict[str, object]:
    """Return the JSON object in a file."""
    text = _text(file)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        reason = "it is nested too deeply" if deep else f"it is not JSON ({error})"
        raise _no_configuration(file, reason) from error
    if not isinstance(value, dict):
        raise _no_configuration(file, "it is JSON, but not an object")
    return value


def _text(file: Path) -> str:
    """Return a file's text, unless it is too large or something else."""
    if not file.is_file():
        raise _no_configuration(file, "there is no such file")
    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if content.startswith(_GGUF_MAGIC) or file.suffix.lower() == ".gguf":
        raise InputError(
            f"{file} is a GGUF file, which rightrig does not read yet: give the config.json of "
            "the original model"
        )
    if len(content) > MAX_BYTES:
        raise _no_configuration(file, f"it is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_configuration(file, "it is not UTF-8 text") from error


def _no_configuration(path: Path, reason: str) -> InputError:
    return InputError(f"{path} is no model configuration: {reason}")
