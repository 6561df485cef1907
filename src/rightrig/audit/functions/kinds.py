"""What things are called and are: models, cards, their software, a line of a program."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Final

from rightrig.audit.reads import Watched
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.generation import generation_of
from rightrig.facts.reading import plain
from rightrig.interval import Interval, product_if_independent
from rightrig.quantities import GB, GIB
from rightrig.reliability.bit_errors import VULNERABLE_RATIO
from rightrig.reliability.rates import YEAR_S, rate_of
from rightrig.work.weights import active_params_count, total_params_count

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting

_BILLION_COUNT: Final = 1e9
_BIT_ERRORS: Final = "titan-sbe"
_SMI_MEMORY_FIELDS: Final = frozenset(
    ("memory.total", "memory.reserved", "memory.used", "memory.free")
)
"""Fields of ``nvidia-smi --query-gpu`` that begin with ``memory.``, as ``--help-query-gpu`` lists
them. Sources: https://nvidia.custhelp.com/app/answers/detail/a_id/3751, and the list of fields of
https://github.com/utkuozdemir/nvidia_gpu_exporter."""


def model_sizes(setting: Setting, model: str) -> str:
    """Return the sizes of a model in billions, counted from its layers: ``"235B-A22B"``.

    Makers round as they like: Qwen3.5-397B-A17B comes to 396B-A17B.
    """
    llm = setting.catalog.llm(model)
    total, active = total_params_count(llm), active_params_count(llm)
    whole = f"{total / _BILLION_COUNT:.0f}B"
    return whole if active == total else f"{whole}-A{active / _BILLION_COUNT:.0f}B"


def driver_name(setting: Setting, card: str) -> str:
    """Return the name that a card's driver prints: its first alias that begins with its maker's."""
    gpu = setting.catalog.gpu(card)
    for name in gpu.aliases:
        if name.startswith(f"{gpu.vendor} "):
            return name
    raise InputError(f"the name that the driver prints of {gpu.slug} is not recorded")


def least_toolkit(setting: Setting, card: str) -> str:
    """Return the first release of the maker's toolkit that compiles for a card: ``"CUDA 11.8"``."""
    gpu = setting.catalog.gpu(card)
    found = generation_of(gpu)
    if found is None or found.min_toolkit is None:
        raise InputError(f"the first toolkit for {gpu.slug} is not recorded")
    if isinstance(setting.catalog, Watched):
        setting.catalog.note(f"generations/{found.slug}")
    return found.min_toolkit


def rig_link_bytes_per_s(setting: Setting, rig: str, cards: int) -> float:
    """Return what a card sends to some others of its rig together, in one direction."""
    found = parse_rig(rig, setting.catalog)
    if not 1 < cards <= found.cards_count:
        raise InputError(f"{plain(rig, 40)} has {found.cards_count} cards; name 2 or more of them")
    return found.link(cards).bytes_per_s


def changed_answers_per_year(setting: Setting, card: str) -> Interval:
    """Return the answers that bit errors change in a year of a card whose ECC is absent or off.

    By the single-bit errors of a gigabyte that a large system counted (GDDR5, 2013 to 2015), and
    the share of errors that reach an answer: an order of magnitude.
    """
    record = setting.catalog.failure_rate(_BIT_ERRORS)
    size = setting.catalog.gpu(card).memory_marketed_gib * GIB / GB
    a_year = rate_of(record).per_s.scaled(YEAR_S * size)
    return product_if_independent(a_year, VULNERABLE_RATIO)


def is_python(line: str) -> bool:
    """Return whether a line of a program is Python; it is read, and never run."""
    try:
        with warnings.catch_warnings():
            # Python warns on standard error of what is odd, and that is Python too.
            warnings.simplefilter("ignore")
            ast.parse(line)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def smi_has_memory_field(field: str) -> bool:
    """Return whether ``nvidia-smi --query-gpu`` knows a field: ``"memory.total"``."""
    if not field.startswith("memory."):
        raise InputError(f"{plain(field, 40)!r} is no field of the memory, such as memory.total")
    return field in _SMI_MEMORY_FIELDS


KIND_FACTS: Final = (
    model_sizes, driver_name, least_toolkit, rig_link_bytes_per_s, smi_has_memory_field,
)  # fmt: skip
KINDS: Final = (changed_answers_per_year, is_python)
