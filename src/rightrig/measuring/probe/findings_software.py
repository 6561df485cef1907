"""Rules about drivers, PyTorch and engines, and whether they go together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.deployment.limits import version_of
from rightrig.facts.generation import generation_of
from rightrig.measuring.probe.wording import of, verb

if TYPE_CHECKING:
    from rightrig.measuring.probe.findings import Severity
    from rightrig.measuring.probe.probed import Probed

# The oldest driver on Linux that runs programs of a major release of CUDA, by NVIDIA's release
# notes ("CUDA minor version compatibility").
DRIVER_OF_CUDA: Final = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}


def torch_cuda(versions: dict[str, str]) -> str:
    """Return the CUDA that PyTorch was built for, or nothing.

    PyTorch says so itself; where it was not asked, its version may: ``2.13.0+cu130``.

    >>> torch_cuda({"torch": "2.13.0+cu130"})
    '13.0'
    """
    told = versions.get("torch-cuda", "")
    if told:
        return told
    match = re.search(r"\+cu(\d{2})(\d)$", versions.get("torch", ""))
    return f"{match[1]}.{match[2]}" if match else ""


def _has_nvidia(subject: Probed) -> bool:
    """Whether there is a card of NVIDIA that answers."""
    return any(one.card.vendor == "NVIDIA" for one in subject.read)


class DriverCard:
    """The driver knows the cards."""

    id: ClassVar[str] = "PROBE-DRIVER-CARD"
    severity: ClassVar[Severity] = "fault"
    remedy: ClassVar[str] = "install a newer driver"

    def check(self, subject: Probed) -> str | None:
        """Return which it does not."""
        driver = subject.reading.versions.get("driver", "")
        for one in subject.read:
            generation = generation_of(one.gpu) if one.gpu else None
            least = generation.min_driver if generation else None
            if driver and least and generation and version_of(driver) < version_of(least):
                return (
                    f"driver {driver} is older than {least}, the first that knows "
                    f"{generation.name}, as {of([one]).lower()} is"
                )
        return None


class DriverTorch:
    """The driver runs what PyTorch was built for."""

    id: ClassVar[str] = "PROBE-DRIVER-TORCH"
    severity: ClassVar[Severity] = "fault"
    remedy: ClassVar[str] = (
        "install a newer driver, or PyTorch and the engines that bring it built for the driver's "
        "CUDA"
    )

    def check(self, subject: Probed) -> str | None:
        """Return why it does not."""
        versions = dict(subject.reading.versions)
        driver, built = versions.get("driver", ""), torch_cuda(versions)
        if not driver or not built:
            return None
        least = DRIVER_OF_CUDA.get(version_of(built)[0], "")
        if not least or version_of(driver) >= version_of(least):
            return None
        up_to = f", which speaks CUDA {versions['cuda']}" if versions.get("cuda") else ""
        return (
            f"PyTorch {versions.get('torch', '')} is built for CUDA {built}, which needs driver "
            f"{least} at least; here is {driver}{up_to}"
        )


class TorchCpu:
    """PyTorch is built for the cards that are here."""

    id: ClassVar[str] = "PROBE-TORCH-CPU"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = (
        "install PyTorch from the index for these cards (pytorch.org, Get started)"
    )

    def check(self, subject: Probed) -> str | None:
        """Return why it is not."""
        torch = subject.reading.versions.get("torch", "")
        if torch.endswith("+cpu") and subject.read and subject.read[0].card.vendor != "Apple":
            return f"PyTorch {torch} is built for processors only: it sees none of the cards"
        if "+rocm" in torch and _has_nvidia(subject):
            return f"PyTorch {torch} is built for AMD, the cards are NVIDIA's"
        if torch_cuda({"torch": torch}) and any(one.card.vendor == "AMD" for one in subject.read):
            return f"PyTorch {torch} is built for NVIDIA, the cards are AMD's"
        return None


class TorchCard:
    """PyTorch has kernels for the cards."""

    id: ClassVar[str] = "PROBE-TORCH-CARD"
    severity: ClassVar[Severity] = "fault"
    remedy: ClassVar[str] = "install a newer PyTorch, and the engines that go with it"

    def check(self, subject: Probed) -> str | None:
        """Return for which it has none."""
        built = torch_cuda(dict(subject.reading.versions))
        for one in subject.read:
            generation = generation_of(one.gpu) if built and one.gpu else None
            toolkit = (generation.min_toolkit or "") if generation else ""
            least = toolkit.removeprefix("CUDA ")
            if generation and toolkit != least and version_of(built) < version_of(least):
                return (
                    f"PyTorch is built for CUDA {built}, and {toolkit} is the first that compiles "
                    f"for {generation.name}, as {of([one]).lower()} is"
                )
        return None


class EngineCard:
    """Engines that are installed run on the cards."""

    id: ClassVar[str] = "PROBE-ENGINE"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = "'rightrig runtimes list --on RIG' shows engines that do"

    def check(self, subject: Probed) -> str | None:
        """Return which do not."""
        refused = [one for one in subject.engines if one.reasons]
        return "; ".join(f"{one.name} {one.version} {one.reasons[0]}" for one in refused) or None


class NoEngine:
    """An engine is installed beside this program."""

    id: ClassVar[str] = "PROBE-NO-ENGINE"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "'rightrig recipe MODEL --on this' says which to install and how; one in a container or in "
        "another environment is not seen from here"
    )

    def check(self, subject: Probed) -> str | None:
        """Return that none is."""
        if subject.engines or not subject.read or not subject.is_here:
            return None
        return "no engine is installed beside rightrig"


class OneNccl:
    """One release of NCCL is installed."""

    id: ClassVar[str] = "PROBE-NCCL"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = "remove the one that PyTorch was not built with"

    def check(self, subject: Probed) -> str | None:
        """Return which two are."""
        versions = subject.reading.versions
        both = [versions[name] for name in ("nccl-cu12", "nccl-cu13") if name in versions]
        if len(both) > 1:
            return f"two builds of NCCL are installed, {both[0]} for CUDA 12 and {both[1]} for 13"
        own = versions.get("nccl", "")
        if own and both and version_of(own)[:2] != version_of(both[0])[:2]:
            return f"PyTorch uses NCCL {own}, and {both[0]} is installed beside it"
        return None


class NvmlHere:
    """NVIDIA's driver is read through its library."""

    id: ClassVar[str] = "PROBE-NVML"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = "pip install 'rightrig[nvidia]', and probe again"

    def check(self, subject: Probed) -> str | None:
        """Return what is missing without it."""
        if "nvidia-smi -q -x" not in subject.reading.sources:
            return None
        cards = [one for one in subject.read if one.card.vendor == "NVIDIA"]
        return (
            f"{of(cards)} {verb(cards, 'was', 'were')} read through nvidia-smi: single NVLinks and "
            "peer-to-peer transfers are not known"
        )


RULES: Final = (
    DriverCard(), DriverTorch(), TorchCpu(), TorchCard(), EngineCard(), NoEngine(), OneNccl(),
    NvmlHere(),
)  # fmt: skip
