"""This machine: what a probe read off it, and what its owner's runs made of the speed model.

``rightrig probe`` writes the file, ``rightrig calibrate --mine`` adds to it, and ``--on this``
reads it. It is a user's, never shipped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pydantic import Field, PositiveInt, ValidationError

from rightrig.errors import InputError
from rightrig.facts.gpu import Gpu
from rightrig.facts.measured_here import MeasuredHere
from rightrig.facts.reading import no_file, plain, read_bounded
from rightrig.facts.source import Record
from rightrig.facts.writing import write_whole

ENVIRONMENT: Final = "RIGHTRIG_MACHINE"
"""The variable that names the file of this machine; empty means that there is none."""
_KIND: Final = "file of a machine"
_MOST_BYTES: Final = 4_000_000


class ProbedCard(Record):
    """What the driver said of the cards of one kind in this machine.

    Attributes:
        slug: Of the card's record.
        memory_nvml_mib: The least that ``nvidia-smi`` prints of any of them.
        memory_cuda_bytes: The least that an engine sees, where it was asked.
    """

    slug: str
    memory_nvml_mib: PositiveInt | None = None
    memory_cuda_bytes: PositiveInt | None = None


class Machine(Record):
    """One machine, as it was probed.

    Attributes:
        name: What it calls itself.
        date: When it was probed, ISO.
        rig: In rig notation, cards by their slugs: ``2xrtx-4090@pcie4x8@ram=128GiB``.
        cards: What its driver said of cards that the catalogue knows.
        own_cards: Records of what it computes with and no catalogue knows, such as its CPU.
        versions: Software → version: ``driver``, ``cuda``, ``nccl``, ``torch``, ``vllm`` …
        speeds: What runs here made of the speed model.
    """

    name: str
    date: str
    rig: str
    cards: tuple[ProbedCard, ...] = ()
    own_cards: tuple[Gpu, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    speeds: tuple[MeasuredHere, ...] = ()

    def own_card(self, name: str) -> Gpu | None:
        """Return a card that only this machine's file describes."""
        found = next((card for card in self.own_cards if card.slug == name.lower()), None)
        return None if found is None else self.probed(found)

    def probed(self, gpu: Gpu) -> Gpu:
        """Return a card as it is in this machine: what the driver said, what runs here made."""
        said = next((card for card in self.cards if card.slug == gpu.slug), None)
        update: dict[str, object] = {
            "measured_here": tuple(one for one in self.speeds if one.card == gpu.slug)
        }
        if said is not None and said.memory_nvml_mib is not None:
            # An older record's visible size is of another driver, unless both agree.
            update["memory_nvml_mib"] = said.memory_nvml_mib
            if said.memory_nvml_mib != gpu.memory_nvml_mib:
                update["memory_cuda_bytes"] = None
        if said is not None and said.memory_cuda_bytes is not None:
            update["memory_cuda_bytes"] = said.memory_cuda_bytes
        return gpu.model_copy(update=update)


def machine_path() -> Path | None:
    """Return where the file of this machine lies or would lie; ``None`` where there is to be none.

    It is what ``RIGHTRIG_MACHINE`` names, or else ``machine.json`` in the folder for rightrig's
    data, which on Linux is ``~/.local/share/rightrig``.
    """
    stated = os.environ.get(ENVIRONMENT)
    if stated is not None:
        return Path(stated) if stated else None
    from platformdirs import user_data_path  # noqa: PLC0415 - not where the variable is set

    return user_data_path("rightrig", appauthor=False) / "machine.json"


def read_machine(path: Path) -> Machine:
    """Return the machine that a file describes (at most 4 MB).

    Raises:
        InputError: for no file, or one that is none of a machine.
    """
    content = read_bounded(path, _KIND, _MOST_BYTES)
    try:
        return Machine.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise no_file(path, _KIND, f"{plain(where, 60)}: {plain(first['msg'], 120)}") from error


def write_machine(machine: Machine, path: Path) -> None:
    """Write the file of a machine; what was there stays whole until the new one is.

    Raises:
        InputError: when it cannot be written.
    """
    text = machine.model_dump_json(indent=1, exclude_defaults=True) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise InputError(
            f"{plain(path)} cannot be written: {error.strerror}; name another with {ENVIRONMENT}"
        ) from error
