"""Reading a ``config.json`` from disk, guarded: what is none becomes one sentence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.reading import json_object, plain, read_bounded

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 16_000_000
"""Real configurations stay below 3 MB, their lists of quantised modules included."""
_GGUF_MAGIC: Final = b"GGUF"
_KIND: Final = "model configuration"


def load_config(path: Path) -> dict[str, object]:
    """Return the configuration in a file or in a folder that holds a ``config.json``.

    A ``hf_quant_config.json`` beside it joins as the key ``hf_quant_config``. Where the
    configuration states its quantisation too, that statement wins, except for the layers
    that ModelOpt quantises one by one, which only the file beside it lists.

    Raises:
        InputError: when there is no configuration there.
    """
    file = path / "config.json" if os.path.isdir(path) else path  # noqa: PTH112 - never raises
    config = _object(file)
    beside = file.with_name("hf_quant_config.json")
    if os.path.isfile(beside):  # noqa: PTH113 - never raises
        config["hf_quant_config"] = _object(beside)
    return config


def _object(file: Path) -> dict[str, object]:
    """Return the JSON object in a file."""
    content = read_bounded(file, _KIND, MAX_BYTES)
    if content.startswith(_GGUF_MAGIC):
        raise InputError(f"{plain(file)} is a GGUF file: call it by a name that ends in .gguf")
    return json_object(content, file, _KIND)
