#!/usr/bin/env python3
"""The tables of the pages of ``docs/catalogue``: what the shipped catalogue has, a row a record.

    .venv/bin/python docs/catalogue_tables.py gpus-apple

prints one of ``TABLES``; ``docs/refresh_readme.py`` writes them all into the pages.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from typing import TYPE_CHECKING, Final

from catalogue_cells import (
    SOURCE_KINDS,
    first_group,
    grounds,
    linked,
    links_of,
    mixer_of,
    number,
    sixteen_bits,
    table,
    tera,
)

from rightrig.facts.catalog import shipped
from rightrig.quantities import GIGA, show_seconds
from rightrig.report.sources import sources_of
from rightrig.work.kv_cache import model_kv_bytes_per_token
from rightrig.work.weights import active_params_count, total_params_count, weight_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rightrig.facts.gpu import Gpu
    from rightrig.facts.link import Link
    from rightrig.facts.llm import Llm
    from rightrig.facts.mig import MigTable
    from rightrig.facts.power import PowerFact
    from rightrig.facts.price import Price
    from rightrig.facts.runtime import Runtime
    from rightrig.facts.source import Record
    from rightrig.facts.system import System

GPU_GROUPS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "gpus-nvidia-data-centre": ("NVIDIA", ("data-centre",)),
    "gpus-nvidia-professional": ("NVIDIA", ("professional",)),
    "gpus-nvidia-consumer": ("NVIDIA", ("consumer",)),
    "gpus-nvidia-embedded": ("NVIDIA", ("embedded",)),
    "gpus-amd-data-centre": ("AMD", ("data-centre",)),
    "gpus-amd-others": ("AMD", ("professional", "consumer")),
    "gpus-intel": ("Intel", ("data-centre", "professional", "consumer")),
    "gpus-google": ("Google", ("cloud",)),
    "gpus-apple": ("Apple", ("consumer",)),
}
"""Table → maker and tiers of its cards."""
LLM_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "models-llama": ("llama", "deci", "nemotron-nas"),
    "models-qwen": ("qwen",),
    "models-latent": ("deepseek", "kimi", "glm"),
    "models-mistral": ("mistral", "ministral", "mixtral"),
    "models-gemma": ("gemma",),
    "models-others": ("",),
}
"""Table → how the names of its families begin; the first that fits counts."""
SYSTEM_GROUPS: Final = {
    "rigs-servers": ("server", "rack"),
    "rigs-desks": ("workstation", "desktop"),
    "rigs-cloud": ("cloud",),
}
"""Table → kinds of its machines."""
PRICE_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "prices-blackwell": ("Blackwell",),
    "prices-hopper": ("Hopper",),
    "prices-ampere-ada": ("Ampere", "Ada"),
    "prices-others": ("",),
}
"""Table → how the architectures of its cards begin; the first that fits counts."""
LINK_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "links-pcie": ("pcie", "rtx"),
    "links-network": ("aws", "gcp", "ib", "eth"),
    "links-libraries": ("nccl",),
    "links-fabric": ("",),
}
"""Table → how its links are called; the first that fits counts."""
MIG_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "mig-ampere": ("Ampere",),
    "mig-hopper": ("Hopper",),
    "mig-blackwell": ("Blackwell",),
}
"""Table → architectures of its cards."""
POWER_GROUPS: Final = {
    "power-electricity": ("electricity",),
    "power-buildings": ("pue",),
    "power-machines": ("server-overhead", "depreciation"),
    "power-cards": ("gpu-power",),
    "power-transients": ("transient",),
}
"""Table → categories of its figures."""


def gpus_table(group: str) -> str:
    """Return the cards of one maker and tier."""
    vendor, tiers = GPU_GROUPS[group]
    headers = (
        "card", "chip", "memory", ">driver, MiB", ">GB/s", ">16-bit, TFLOP/s", ">FP8", ">W",
        "links, one direction", "released", ">launch", "sources",
    )  # fmt: skip
    found = (gpu for gpu in shipped().gpus() if gpu.vendor == vendor and gpu.tier in tiers)
    return table(headers, [_gpu_row(gpu) for gpu in found])


def _gpu_row(gpu: Gpu) -> tuple[str, ...]:
    """Return one card."""
    chip = " ".join(part for part in (gpu.architecture, gpu.compute_capability) if part)
    price = gpu.launch_price_usd
    return (
        f"`{gpu.slug}`",
        chip,
        f"{gpu.memory_marketed_gib:g} GB {gpu.memory_type}",
        number(gpu.memory_nvml_mib),
        number(gpu.memory_bandwidth_bytes_per_s / GIGA),
        sixteen_bits(gpu.peak),
        tera(gpu.peak.fp8_flop_per_s),
        number(gpu.board_power_w),
        links_of(gpu),
        (gpu.release_date or "")[:7],
        "" if price is None else f"${price:,.0f}",
        grounds(gpu),
    )


@functools.cache
def _llms() -> tuple[Llm, ...]:
    """Return every model, by name."""
    catalog = shipped()
    found = (catalog.llm(slug) for slug in catalog.slugs("llms"))
    return tuple(sorted(found, key=lambda llm: llm.name.lower()))


def models_table(group: str) -> str:
    """Return the models of some families."""
    headers = (
        "model", ">B total", ">B active", "layers", ">KV, B/token", ">context", ">bf16, GB",
        "published as", ">GB", "sources",
    )  # fmt: skip
    found = (llm for llm in _llms() if first_group(LLM_GROUPS, llm.family) == group)
    return table(headers, [_llm_row(llm) for llm in found])


def _llm_row(llm: Llm) -> tuple[str, ...]:
    """Return one model; bytes a token are those of a cache of 16 bits before any window is full."""
    kinds: Counter[str] = Counter()
    for block, count in llm.block_counts:
        kinds[mixer_of(block)] += count
    return (
        f"`{llm.name}`",
        number(total_params_count(llm) / 1e9, 2),
        number(active_params_count(llm) / 1e9, 2),
        " + ".join(f"{count} {kind}" for kind, count in kinds.items()),
        number(model_kv_bytes_per_token(llm, 16.0)),
        number(llm.max_context_tokens),
        number(weight_bytes(llm, "bf16") / GIGA, 1),
        llm.checkpoint.format,
        number(weight_bytes(llm, "checkpoint") / GIGA, 1),
        grounds(llm),
    )


def systems_table(group: str) -> str:
    """Return the machines of some kinds."""
    headers = (
        "rig", "cards", "topology", "host", ">network, GB/s", ">W at most", ">list price",
        "sources",
    )  # fmt: skip
    catalog = shipped()
    found = (catalog.system(slug) for slug in catalog.slugs("systems"))
    return table(headers, [_system_row(s) for s in found if s.kind in SYSTEM_GROUPS[group]])


def _system_row(system: System) -> tuple[str, ...]:
    """Return one machine."""
    low, high = system.list_price_low_usd, system.list_price_high_usd
    ends = sorted({usd for usd in (low, high) if usd is not None})
    price = "–".join(f"${usd:,.0f}" for usd in ends)
    network = system.network_bytes_per_s
    return (
        f"`{system.slug}`",
        system.rig,
        system.topology,
        ", ".join(part for part in (system.host_cpu, system.host_memory) if part),
        "" if network is None else number(network / GIGA, 1),
        number(system.power_w),
        f"{price} ({system.price_date})" if price and system.price_date else price,
        grounds(system),
    )


def prices_table(group: str) -> str:
    """Return the cheapest on-demand offer of each provider for each card."""
    headers = ("card", "provider", ">$/h a card", ">cards", "region", "date", "trust", "source")
    catalog = shipped()
    least: dict[tuple[str, str], Price] = {}
    for price in catalog.prices():
        each = price.per_gpu_usd_per_hour
        if each is None or price.terms != "on-demand":
            continue
        known = least.get((price.gpu, price.provider))
        if known is None or each < (known.per_gpu_usd_per_hour or 0.0):
            least[price.gpu, price.provider] = price
    chosen = [
        price
        for price in least.values()
        if first_group(PRICE_GROUPS, catalog.gpu(price.gpu).architecture) == group
    ]
    chosen.sort(key=lambda price: (price.gpu, price.per_gpu_usd_per_hour, price.provider))
    return table(headers, [_price_row(price) for price in chosen])


def _price_row(price: Price) -> tuple[str, ...]:
    """Return one offer."""
    source = next(line for _, lines in sources_of([price]) for line in lines)
    cards = f"{price.gpu_count}–{price.max_gpu_count}"
    return (
        f"`{price.gpu}`",
        price.provider,
        number(price.per_gpu_usd_per_hour, 3),
        cards if price.max_gpu_count > price.gpu_count else str(price.gpu_count),
        price.region,
        price.date,
        price.trust,
        linked("source", source) if source.url else price.source,
    )


def runtimes_table() -> str:
    """Return the engines and servers: what of them is computed first."""
    headers = (
        "engine", "version", "kind", "cards of", ">capability from", "weights", "KV cache",
        "splits", "sources",
    )  # fmt: skip
    catalog = shipped()
    found = [catalog.runtime(slug) for slug in catalog.slugs("runtimes")]
    found.sort(key=lambda runtime: (not runtime.modelled, runtime.slug))
    return table(headers, [_runtime_row(runtime) for runtime in found])


def _runtime_row(runtime: Runtime) -> tuple[str, ...]:
    """Return one engine; a long list of formats is counted."""
    formats = sorted({*runtime.weight_formats, *sum(runtime.vendor_weight_formats.values(), ())})
    most = 14
    shown = ", ".join(formats) if len(formats) <= most else f"{len(formats)} formats"
    return (
        f"`{runtime.slug}`",
        runtime.version,
        "computed" if runtime.modelled else f"facts only, {runtime.kind}",
        ", ".join(runtime.vendors),
        runtime.min_compute_capability or "",
        shown,
        ", ".join(runtime.kv_formats),
        ", ".join(runtime.splits),
        grounds(runtime),
    )


def links_table(group: str) -> str:
    """Return the links of some kinds."""
    headers = (
        "link", "of one", ">rated, GB/s", ">measured, GB/s", ">to one peer", ">measured to it",
        ">latency", "what was measured, what to know", "sources",
    )  # fmt: skip
    catalog = shipped()
    found = (catalog.link(slug) for slug in catalog.slugs("links"))
    return table(
        headers, [_link_row(a) for a in found if first_group(LINK_GROUPS, a.slug) == group]
    )


def _link_row(link: Link) -> tuple[str, ...]:
    """Return one link; every rate is one direction."""
    rates = (
        link.rated_bytes_per_s, link.achieved_bytes_per_s, link.peer_bytes_per_s,
        link.peer_achieved_bytes_per_s,
    )  # fmt: skip
    notes = (link.achieved_note, link.small_all_reduce_note, link.peer_to_peer_note, link.note)
    return (
        f"`{link.slug}`",
        {"card": "card", "node": "machine"}[link.scope],
        *("" if rate is None else f"{rate / GIGA:,.4g}" for rate in rates),
        "" if link.peer_latency_s is None else show_seconds(link.peer_latency_s),
        " ".join(note for note in notes if note),
        grounds(link),
    )


def mig_table(group: str) -> str:
    """Return the MIG profiles of the cards of one architecture."""
    headers = (
        "card", "profile", ">SMs", ">GiB", ">compute slices", ">memory slices", ">most", "media",
    )  # fmt: skip
    catalog = shipped()
    tables = [catalog.mig_table(slug) for slug in catalog.slugs("mig")]
    rows = [
        row
        for cut in tables
        if cut is not None and catalog.gpu(cut.slug).architecture.startswith(MIG_GROUPS[group])
        for row in _mig_rows(cut)
    ]
    return table(headers, rows)


def _mig_rows(cut: MigTable) -> list[tuple[str, ...]]:
    """Return the profiles of one kind of card, and its sources below them."""
    cards = ", ".join(f"`{slug}`" for slug in cut.gpus)
    rows = [
        (
            cards if place == 0 else " ",
            f"`{profile.profile}`",
            number(profile.sm_count),
            "" if profile.memory_gib is None else f"{profile.memory_gib:g}",
            f"{profile.compute_slice_count} of {cut.compute_slice_total}",
            f"{profile.memory_slice_count} of {cut.memory_slice_total}",
            str(profile.max_instance_count),
            profile.media_extension or ("graphics" if profile.graphics else "usual"),
        )
        for place, profile in enumerate(cut.profiles)
    ]
    return [*rows, (f"sources: {grounds(cut)}", *([" "] * 7))]


def power_table(group: str) -> str:
    """Return the figures about power of some categories."""
    headers = ("figure", "of", ">low", ">high", "unit", "what to know", "sources")
    catalog = shipped()
    found = (catalog.power_fact(slug) for slug in catalog.slugs("power"))
    return table(headers, [_power_row(f) for f in found if f.category in POWER_GROUPS[group]])


def _power_row(fact: PowerFact) -> tuple[str, ...]:
    """Return one figure, with the date of its source."""
    dates = sorted({source.date for source in fact.sources if source.date})
    dated = f"{grounds(fact)} ({dates[-1]})" if dates else grounds(fact)
    ends = (f"{fact.low:g}", f"{fact.high:g}")
    return (fact.item, fact.region, *ends, fact.unit, fact.note, dated)


def trust_table() -> str:
    """Return how many records of each kind have a source of each kind."""
    catalog = shipped()
    kinds: dict[str, Iterable[Record]] = {
        "accelerators": catalog.gpus(),
        "models": _llms(),
        "machines": [catalog.system(slug) for slug in catalog.slugs("systems")],
        "engines": [catalog.runtime(slug) for slug in catalog.slugs("runtimes")],
        "links": [catalog.link(slug) for slug in catalog.slugs("links")],
        "MIG tables": [t for t in map(catalog.mig_table, catalog.slugs("mig")) if t is not None],
        "power": [catalog.power_fact(slug) for slug in catalog.slugs("power")],
    }
    rows = []
    for words, records in kinds.items():
        each = [{line.kind for _, ls in sources_of([r]) for line in ls} for r in records]
        counts = [sum(kind in found for found in each) for kind in SOURCE_KINDS]
        rows.append((words, str(len(each)), *map(str, counts)))
    return table(("records", ">all", *(f">{kind}" for kind in SOURCE_KINDS)), rows)


def _of(make: Callable[[str], str], groups: Iterable[str]) -> dict[str, Callable[[], str]]:
    """Return table → what makes it, of the tables that one function makes."""
    return {group: functools.partial(make, group) for group in groups}


TABLES: Final[dict[str, Callable[[], str]]] = {
    **_of(gpus_table, GPU_GROUPS),
    **_of(models_table, LLM_GROUPS),
    **_of(systems_table, SYSTEM_GROUPS),
    **_of(prices_table, PRICE_GROUPS),
    "runtimes": runtimes_table,
    **_of(links_table, LINK_GROUPS),
    **_of(mig_table, MIG_GROUPS),
    **_of(power_table, POWER_GROUPS),
    "catalogue-sources": trust_table,
}


def main() -> None:
    """Print the tables that are named."""
    for name in sys.argv[1:]:
        sys.stdout.write(TABLES[name]())


if __name__ == "__main__":
    main()
