"""A probe as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.measuring.probe.bandwidth import bandwidth_by_clock_bytes_per_s

if TYPE_CHECKING:
    from rightrig.measuring.probe.findings import Finding
    from rightrig.measuring.probe.naming import Known
    from rightrig.measuring.probe.precision import Precision
    from rightrig.measuring.probe.probed import Engine, Probed
    from rightrig.measuring.probe.readings import Card, Host, Links, Port, Slot
    from rightrig.report.probe import ProbeReport
    from rightrig.report.schema.probing import (
        CardIdentityJson,
        CardPairJson,
        CardSettingJson,
        EngineJson,
        FindingJson,
        PortJson,
        PrecisionJson,
        ProbedCardJson,
        ProbedHostJson,
        ProbeJson,
        ProcessorJson,
        SlotJson,
    )


def probe_json(report: ProbeReport) -> ProbeJson:
    """Return a probe as JSON."""
    probed = report.probed
    reading, machine = probed.reading, probed.machine
    return {
        "name": machine.name,
        "date": machine.date,
        "rig": machine.rig,
        "saved": report.saved or None,
        "why_not_saved": report.why_not_saved,
        "speeds_kept_count": report.speeds_kept_count,
        "sources": list(reading.sources),
        "cards": [_card(one) for one in probed.knowns],
        "pairs": _pairs(reading.links),
        "nics": list(reading.links.nics),
        "ports": [_port(port) for port in reading.ports],
        "host": _host(reading.host),
        "processor": _processor(probed),
        "versions": dict(sorted(reading.versions.items())),
        "engines": [_engine(one) for one in probed.engines],
        "precision": [_precision(one) for one in report.precisions],
        "findings": [_finding(one) for one in report.findings],
    }


def _engine(one: Engine) -> EngineJson:
    """Return an engine that is installed."""
    reasons = list(one.reasons)
    return {"engine": one.name, "version": one.version, "runs": not reasons, "reasons": reasons}


def _precision(one: Precision) -> PrecisionJson:
    """Return which formats cards of one kind multiply, and the advice."""
    return {
        "card": one.name,
        "native": dict(one.formats),
        "serving": {"use": one.serving.use, "reason": one.serving.reason},
        "fine_tuning": {"use": one.fine_tuning.use, "reason": one.fine_tuning.reason},
    }


def _finding(one: Finding) -> FindingJson:
    """Return what is to be said of the machine."""
    return {
        "rule": one.rule_id,
        "severity": one.severity,
        "sentence": one.sentence,
        "remedy": one.remedy,
    }


def _card(one: Known) -> ProbedCardJson:
    """Return one card."""
    card = one.card
    return {
        **_identity(one),
        **_setting(card),
        "mig_instances": [
            {
                "memory_mib": part.memory_mib,
                "sm_count": part.sm_count,
                "profile": part.profile or None,
            }
            for part in card.instances
        ],
        "nvlinks_count": len(card.nvlinks),
        "nvlinks_up_count": sum(link.is_up for link in card.nvlinks),
        "nvlink_version": next((link.version for link in card.nvlinks), None),
    }


def _identity(one: Known) -> CardIdentityJson:
    """Return what a card is."""
    card, gpu = one.card, one.gpu
    return {
        "card": card.index,
        "name": card.name,
        "vendor": card.vendor,
        "record": gpu.slug if gpu else None,
        "uuid": card.uuid,
        "bus_id": card.bus_id,
        "memory_mib": card.memory_mib,
        "memory_free_mib": card.free_mib,
        "memory_cuda_bytes": card.memory_cuda_bytes,
        "compute_capability": card.compute_capability or (gpu.compute_capability if gpu else None),
        "sm_count": card.sm_count or (gpu.sm_count if gpu else None),
        "bandwidth_by_clock_bytes_per_s": bandwidth_by_clock_bytes_per_s(one),
        "record_bandwidth_bytes_per_s": gpu.memory_bandwidth_bytes_per_s if gpu else None,
        "numa_node": card.numa_node,
        "cpu_affinity": card.cpu_affinity,
    }


def _setting(card: Card) -> CardSettingJson:
    """Return how a card is set and what it does."""
    return {
        "sm_clock_hz": card.clocks.sm_hz,
        "sm_clock_max_hz": card.clocks.sm_max_hz,
        "memory_clock_hz": card.clocks.memory_hz,
        "memory_clock_max_hz": card.clocks.memory_max_hz,
        "power_limit_w": card.power.set_w,
        "power_default_w": card.power.default_w,
        "pcie": _slot(card.slot),
        "ecc": card.ecc,
        "persistence": card.persistence,
        "mig": card.mig,
        "fabric": card.fabric,
        "slowdowns": list(card.slowdowns),
        "idle": card.is_idle,
        "lost": card.lost,
        "lacks": list(card.lacks),
    }


def _slot(slot: Slot) -> SlotJson:
    """Return a PCIe link."""
    return {
        "generation": slot.generation,
        "lanes": slot.lanes,
        "most_generation": slot.most_generation,
        "most_lanes": slot.most_lanes,
        "card_generation": slot.card_generation,
    }


def _pairs(links: Links) -> list[CardPairJson]:
    """Return what joins each two cards."""
    return [
        {
            "cards": list(pair),
            "path": links.paths.get(pair, ""),
            "peer_to_peer": links.peer.get(pair, ""),
        }
        for pair in sorted({*links.paths, *links.peer})
    ]


def _port(port: Port) -> PortJson:
    """Return one network port."""
    return {
        "adapter": port.adapter,
        "kind": port.kind,
        "port": port.number,
        "state": port.state,
        "rate_bits_per_s": port.rate_bits_per_s,
        "link_layer": port.link_layer,
    }


def _host(host: Host) -> ProbedHostJson:
    """Return what stands around the cards."""
    return {
        "name": host.name,
        "cpu": host.cpu,
        "cpu_vendor": host.cpu_vendor,
        "threads_count": host.threads_count,
        "sockets_count": host.sockets_count,
        "numa_nodes_count": host.numa_nodes_count,
        "instructions": list(host.flags),
        "memory_bytes": host.memory_bytes,
        "available_bytes": host.available_bytes,
        "virtual": host.virtual,
        "disks": [
            {
                "path": one.path,
                "size_bytes": one.size_bytes,
                "free_bytes": one.free_bytes,
                "kind": one.kind,
            }
            for one in host.disks
        ],
    }


def _processor(probed: Probed) -> ProcessorJson | None:
    """Return a processor that was measured in place of a card."""
    gpu = probed.processor
    if gpu is None:
        return None
    return {
        "record": gpu.slug,
        "name": gpu.name,
        "fp32_flop_per_s": gpu.peak.fp32_flop_per_s or 0.0,
        "bandwidth_bytes_per_s": gpu.memory_bandwidth_bytes_per_s,
    }
