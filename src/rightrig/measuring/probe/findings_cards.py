"""Rules about the cards themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.measuring.probe.bandwidth import bandwidth_by_clock_bytes_per_s
from rightrig.measuring.probe.describing import CAP_RATIO, is_capped
from rightrig.measuring.probe.wording import of, values_text, verb
from rightrig.quantities import GB, MIB, show_gib

if TYPE_CHECKING:
    from rightrig.measuring.probe.findings import Severity
    from rightrig.measuring.probe.probed import Probed

_BROKEN: Final = ("hardware slowdown", "hardware thermal slowdown", "hardware power brake")
_HELD: Final = ("software thermal slowdown", "application clocks")
_BANDWIDTH_TOLERANCE_RATIO: Final = 0.03
_FREE_RATIO: Final = 0.95


class CardLost:
    """Every card answers."""

    id: ClassVar[str] = "PROBE-CARD-LOST"
    severity: ClassVar[Severity] = "fault"
    remedy: ClassVar[str] = (
        "look into the kernel's log for XID 79 and 119, check power and seat of the card, and "
        "restart the machine"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which do not."""
        lost = [one for one in subject.knowns if one.card.lost]
        if not lost:
            return None
        reasons = values_text(one.card.lost for one in lost)
        return (
            f"{of(lost)} of {len(subject.knowns)} {verb(lost, 'does', 'do')} not answer: {reasons}"
        )


class DriverAnswers:
    """Everything that should say something does."""

    id: ClassVar[str] = "PROBE-ANSWERS"
    severity: ClassVar[Severity] = "fault"
    remedy: ClassVar[str] = "what it would have said is missing above; mend it and probe again"

    def check(self, subject: Probed) -> str | None:
        """Return what does not."""
        return "; ".join(subject.reading.troubles) or None


class CardKnown:
    """Every card has a record."""

    id: ClassVar[str] = "PROBE-CARD-KNOWN"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = (
        "write a record as docs/how-to/add-your-own-hardware.md shows, with the printed name among "
        "its aliases, and name its folder with --catalog or RIGHTRIG_CATALOG"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which have none."""
        unknown = [one for one in subject.read if one.gpu is None]
        if not unknown:
            return None
        reasons = values_text(one.reason for one in unknown)
        return f"{of(unknown)} {verb(unknown, 'is', 'are')} left out of the rig: {reasons}"


class RigWhole:
    """The notation of rigs says all that was read."""

    id: ClassVar[str] = "PROBE-RIG-WHOLE"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = "name the rig by hand with --on where this matters"

    def check(self, subject: Probed) -> str | None:
        """Return what it does not say."""
        return "; ".join(subject.left_out) or None


class CardMemory:
    """Cards have the memory of their records."""

    id: ClassVar[str] = "PROBE-MEMORY"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "the machine's file has a record of its own for it, of the same speed; correct it there if "
        "the card is another model"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which have another."""
        other = [one for one in subject.read if one.is_variant]
        if not other:
            return None
        sizes = values_text(show_gib((one.card.memory_mib or 0) * MIB) for one in other)
        names = values_text(one.gpu.slug for one in other if one.gpu)
        return f"{of(other)} {verb(other, 'has', 'have')} {sizes}, which no record has: {names}"


class OneKind:
    """All cards are of one kind."""

    id: ClassVar[str] = "PROBE-ONE-KIND"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "llama.cpp shares by memory; other engines give every card an equal share, so that the "
        "smallest bounds it: run an engine on each kind"
    )

    def check(self, subject: Probed) -> str | None:
        """Return the kinds."""
        kinds = dict.fromkeys(one.card.name for one in subject.read)
        if len(kinds) < 2:  # noqa: PLR2004 - two are a mixture
            return None
        return f"the machine mixes {len(kinds)} kinds of cards: {values_text(kinds)}"


class PowerCapped:
    """Cards may draw what they are made for."""

    id: ClassVar[str] = "PROBE-POWER"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "the rig says so, and predictions follow it; 'nvidia-smi -pl WATTS' or 'amd-smi set "
        "--power-cap WATTS' lifts it"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which may not."""
        capped = [
            one
            for one in subject.read
            if is_capped(one)
            or (one.card.power.set_w or 0.0) < CAP_RATIO * (one.card.power.default_w or 0.0)
        ]
        if not capped:
            return None
        set_w = values_text(f"{one.card.power.set_w or 0.0:.0f} W" for one in capped)
        full_w = values_text(
            f"{(one.card.power.default_w or (one.gpu and one.gpu.board_power_w) or 0.0):.0f} W"
            for one in capped
        )
        return f"{of(capped)} {verb(capped, 'is', 'are')} capped at {set_w} of {full_w}"


class MemoryFree:
    """No other program holds the memory of the cards."""

    id: ClassVar[str] = "PROBE-MEMORY-FREE"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "'nvidia-smi' lists who; an engine takes its share of what it finds free"
    )

    def check(self, subject: Probed) -> str | None:
        """Return where one does."""
        held = [
            one
            for one in subject.read
            if one.card.memory_mib
            and one.card.free_mib is not None
            and one.card.free_mib < _FREE_RATIO * one.card.memory_mib
        ]
        if not held:
            return None
        sizes = values_text(f"{one.card.free_mib:,} of {one.card.memory_mib:,} MiB" for one in held)
        return f"{sizes} of {of(held).lower()} are free: other programs hold the rest"


class ClocksBroken:
    """No hardware holds clocks down."""

    id: ClassVar[str] = "PROBE-SLOWDOWN"
    severity: ClassVar[Severity] = "fault"
    remedy: ClassVar[str] = (
        "a power brake comes from the supply or the rack, a thermal one from cooling: check "
        "supplies, cables, fans and inlet temperature, then probe again"
    )

    def check(self, subject: Probed) -> str | None:
        """Return where it does."""
        slow = [one for one in subject.read if set(_BROKEN) & {*one.card.slowdowns}]
        if not slow:
            return None
        reasons = values_text(why for one in slow for why in _causes(one.card.slowdowns))
        clocks = values_text(
            f"{(one.card.clocks.sm_hz or 0.0) / 1e6:.0f} of "
            f"{(one.card.clocks.sm_max_hz or 0.0) / 1e6:.0f} MHz"
            for one in slow
        )
        return f"{of(slow)} {verb(slow, 'is', 'are')} held to {clocks}: {reasons}"


def _causes(slowdowns: tuple[str, ...]) -> list[str]:
    """Return what slows a card down; the general name only where no other is given."""
    found = [why for why in slowdowns if why in _BROKEN]
    return [why for why in found if why != _BROKEN[0]] or found


class ClocksHeld:
    """No setting holds clocks down."""

    id: ClassVar[str] = "PROBE-CLOCKS"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = "'nvidia-smi -rac' resets application clocks; for heat, check cooling"

    def check(self, subject: Probed) -> str | None:
        """Return where one does."""
        slow = [one for one in subject.read if set(_HELD) & {*one.card.slowdowns}]
        if not slow:
            return None
        reasons = values_text(why for one in slow for why in one.card.slowdowns if why in _HELD)
        return f"clocks of {of(slow).lower()} are held down: {reasons}"


class EccOff:
    """Error correction is on where cards have it for servers."""

    id: ClassVar[str] = "PROBE-ECC-OFF"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = "'nvidia-smi -e 1' and a restart; flipped bits go unseen without it"

    def check(self, subject: Probed) -> str | None:
        """Return where it is off."""
        off = [
            one
            for one in subject.read
            if one.card.ecc is False and one.gpu and one.gpu.ecc in {"native", "optional-on"}
        ]
        if not off:
            return None
        return f"error correction of {of(off).lower()} is off"


class EccCosts:
    """Error correction costs no memory and no speed."""

    id: ClassVar[str] = "PROBE-ECC-ON"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = "keep it where answers matter; 'nvidia-smi -e 0' and a restart lift it"

    def check(self, subject: Probed) -> str | None:
        """Return where it does."""
        costly = [
            one
            for one in subject.read
            if one.card.ecc and one.gpu and one.gpu.ecc in {"optional-on", "optional-off"}
        ]
        if not costly:
            return None
        costs = [one.gpu.ecc_cost for one in costly if one.gpu and one.gpu.ecc_cost]
        text = f"error correction of {of(costly).lower()} is on"
        if costs and costs[0].capacity_ratio:
            text += f" and takes {costs[0].capacity_ratio:.1%} of the memory"
        if costs and costs[0].bandwidth_high_ratio:
            text += f" and up to {costs[0].bandwidth_high_ratio:.0%} of its bandwidth"
        return text


class MigEmpty:
    """A card that is partitioned has instances."""

    id: ClassVar[str] = "PROBE-MIG-EMPTY"
    severity: ClassVar[Severity] = "fault"
    remedy: ClassVar[str] = (
        "'nvidia-smi mig -cgi PROFILE -C' makes some, 'nvidia-smi -mig 0' ends it"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which have none."""
        empty = [one for one in subject.read if one.card.mig and not one.card.instances]
        if not empty:
            return None
        return f"MIG is on and no instance was read on {of(empty).lower()}: programs see no card"


class MigOn:
    """Cards are whole."""

    id: ClassVar[str] = "PROBE-MIG"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = "instances exchange nothing: run an engine on each (rightrig tenants)"

    def check(self, subject: Probed) -> str | None:
        """Return which are in parts."""
        parted = [one for one in subject.read if one.card.instances]
        if not parted:
            return None
        count = sum(len(one.card.instances) for one in parted)
        return f"{of(parted)} {verb(parted, 'is', 'are')} partitioned by MIG: {count} instances"


class PersistenceOff:
    """The driver stays loaded."""

    id: ClassVar[str] = "PROBE-PERSISTENCE"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = "'nvidia-smi -pm 1', or the service nvidia-persistenced"

    def check(self, subject: Probed) -> str | None:
        """Return where it does not."""
        off = [one for one in subject.read if one.card.persistence is False]
        if not off:
            return None
        return f"persistence of {of(off).lower()} is off: each first program waits for the driver"


class DriverWhole:
    """The driver has every function that is asked for."""

    id: ClassVar[str] = "PROBE-DRIVER-WHOLE"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = "what they would say is missing above; a newer driver has them"

    def check(self, subject: Probed) -> str | None:
        """Return which it lacks."""
        lacks = dict.fromkeys(name for one in subject.knowns for name in one.card.lacks)
        if not lacks:
            return None
        version = subject.reading.versions.get("driver", "")
        shown = ", ".join(name.removeprefix("nvmlDeviceGet") for name in [*lacks][:4])
        more = f" and {len(lacks) - 4} more" if len(lacks) > 4 else ""  # noqa: PLR2004 - shown
        return f"driver {version} lacks {len(lacks)} of NVML's functions: {shown}{more}".replace(
            "  ", " "
        )


class BandwidthAgrees:
    """Memory clock and bus give the record's bandwidth."""

    id: ClassVar[str] = "PROBE-BANDWIDTH"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "2·f·bus/8 holds for memories that move two bits a clock and pin; 'rightrig bench' measures"
    )

    def check(self, subject: Probed) -> str | None:
        """Return where they do not."""
        for one in subject.read:
            computed = bandwidth_by_clock_bytes_per_s(one)
            if computed is None or one.gpu is None or one.card.instances:
                continue
            stated = one.gpu.memory_bandwidth_bytes_per_s
            if abs(computed / stated - 1.0) > _BANDWIDTH_TOLERANCE_RATIO:
                return (
                    f"{of([one])} computes to {computed / GB:,.0f} GB/s by its memory clock, its "
                    f"record says {stated / GB:,.0f} GB/s"
                )
        return None


RULES: Final = (
    CardLost(), DriverAnswers(), CardKnown(), RigWhole(), CardMemory(), MemoryFree(),
    OneKind(), PowerCapped(), ClocksBroken(), ClocksHeld(), EccOff(), EccCosts(), MigEmpty(),
    MigOn(), PersistenceOff(), DriverWhole(), BandwidthAgrees(),
)  # fmt: skip
