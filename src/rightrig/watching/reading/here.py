"""The cards of this machine, read once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rightrig.errors import MissingError
from rightrig.measuring.probe.running import run
from rightrig.watching.reading.assembling import Assembler
from rightrig.watching.reading.collector import MISSING, joined
from rightrig.watching.reading.feed import ENDED, HUNG, Told
from rightrig.watching.reading.source import AMD, NVIDIA, Source, has_amd, has_nvml

if TYPE_CHECKING:
    from rightrig.watching.states import Snapshot


def read_once(deadline_s: float = 10.0) -> Snapshot:
    """Return what the cards of this machine do now.

    Args:
        deadline_s: How long each maker's driver may take, in seconds. A call that hangs ends the
            reading with the trouble ``hung``, and the cards that were read before it.

    Raises:
        MissingError: without any package or program that could read cards.
    """
    sources = [*([NVIDIA] if has_nvml() else []), *([AMD] if has_amd() else [])]
    if not sources:
        raise MissingError(MISSING)
    return joined([_told(source, deadline_s) for source in sources])


def _told(source: Source, deadline_s: float) -> Told:
    """Return what one maker's driver says."""
    began_s = time.monotonic()
    output = run(source.command(0.0), deadline_s)
    assembler = Assembler(source.vendor)
    for line in output.text.splitlines():
        assembler.take(line.encode())
    trouble = assembler.end
    if trouble is None:
        trouble = HUNG if time.monotonic() - began_s >= deadline_s else ENDED
    return Told(time.time(), assembler.cards(), assembler.driver, trouble)
