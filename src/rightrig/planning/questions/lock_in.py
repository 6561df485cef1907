"""Lock-in: what ties a deployment to a maker, a runtime and a provider, and what leaving costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.deployment.compatibility_formats import loaded_formats
from rightrig.deployment.compatibility_matrix import Asked, support
from rightrig.deployment.propose import propose
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.combos.rivals import SIZES
from rightrig.planning.search import plan, space_of
from rightrig.prediction.predict import predict
from rightrig.quantities import show_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.price import Price
    from rightrig.facts.runtime import Runtime
    from rightrig.planning.constraints import Question
    from rightrig.planning.planned import PlannedRig
    from rightrig.prediction.regimes import Lengths

State = Literal["free", "tied", "not known"]
BUILD_TOPIC: Final = "engine build"
"""Topic of a runtime's statement on whether a model is compiled for a card before it is served;
its text begins with "None" where it is not."""
_MOST_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class Item:
    """One consideration.

    Attributes:
        state: ``tied`` where leaving takes work or money.
        text: The figures that say so.
    """

    name: str
    state: State
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Exit:
    """What the same model and traffic cost on cards of another maker.

    Attributes:
        vendor: The other maker.
        plan: Its cheapest plan; ``None`` where there is none with a price.
        engine_text: Without a price, the smallest engines that carry the traffic.
        difference_usd_per_month: Over the cheapest plan on the own card; negative saves.
    """

    vendor: str
    plan: PlannedRig | None
    engine_text: str
    difference_usd_per_month: float | None


@dataclass(frozen=True, slots=True)
class LockIn:
    """The checklist.

    Attributes:
        own: The cheapest plan on the own card, by the runtime that plans use.
        exits: One a maker.
    """

    rig: Rig
    runtime: Runtime
    llm: Llm
    items: tuple[Item, ...]
    own: PlannedRig | None
    exits: tuple[Exit, ...]

    @property
    def tied_count(self) -> int:
        """Considerations that tie."""
        return sum(item.state == "tied" for item in self.items)

    def explain(self) -> Explanation:
        """Return the checklist in sentences."""
        priced = [e for e in self.exits if e.difference_usd_per_month is not None]
        first = (
            f"{self.tied_count} of {len(self.items)} considerations tie {self.rig.text} with "
            f"{self.runtime.name}."
        )
        sentences = [first, *(f"{i.name} ({i.state}): {i.text}" for i in self.items)]
        sentences += [exit_text(one) for one in self.exits]
        figures = [
            Figure(
                "difference_usd_per_month", e.difference_usd_per_month or 0.0,
                show_signed(e.difference_usd_per_month or 0.0), "two plans of the same question",
            )
            for e in priced
        ]  # fmt: skip
        figures.append(
            Figure("tied_count", float(self.tied_count), str(self.tied_count), "the checklist")
        )
        sources = tuple(dict.fromkeys(item.source for item in self.items))
        return Explanation(tuple(sentences), tuple(figures), sources)


def exit_text(one: Exit) -> str:
    """Return what leaving for a maker costs."""
    if one.plan is not None and one.difference_usd_per_month is not None:
        return (
            f"Exit to {one.vendor}: {one.plan.cards_count} × {one.plan.gpu} with "
            f"{one.plan.runtime} {one.plan.weights} at {show_usd(one.plan.rent_usd_per_month)} a "
            f"month, {show_signed(one.difference_usd_per_month)} against the own card."
        )
    return f"Exit to {one.vendor}: no price. {one.engine_text}"


def show_signed(amount_usd: float) -> str:
    """Return an amount with its sign.

    >>> show_signed(-12.0), show_signed(1500.0)
    ('-$12.00', '+$1,500')
    """
    return f"{'-' if amount_usd < 0.0 else '+'}{show_usd(abs(amount_usd))}"


def lock_in(
    catalog: Catalog, rig: Rig, runtime: Runtime, provider: str | None, llm: Llm, question: Question
) -> LockIn:
    """Return what ties a rig with a runtime, and what leaving its maker costs.

    Args:
        catalog: Runtimes, cards, prices.
        rig: Cards of one kind.
        runtime: What serves on them.
        provider: Who rents them out, where it is decided.
        llm: The model.
        question: Its traffic and objectives.

    Raises:
        InputError: for cards of several kinds, a runtime that does not run there, or a provider
            without them.
    """
    if not rig.is_uniform:
        raise InputError(f"{rig.text} mixes cards; ask of one kind of card")
    on_rig = support(runtime, Asked(rig, llm))
    if on_rig.verdict == "no":
        raise InputError(
            f"{runtime.name} on {rig.text}: {on_rig.reasons[0]}; name another --runtime"
        )
    own = _cheapest(catalog, llm, question, {"gpu": rig.gpu.slug})
    vendors = dict.fromkeys(g.vendor for g in catalog.gpus() if g.vendor != rig.gpu.vendor)
    return LockIn(
        rig=rig,
        runtime=runtime,
        llm=llm,
        items=tuple(_items(catalog, rig.gpu, runtime, provider, llm)),
        own=own,
        exits=tuple(_exit(catalog, llm, question, vendor, own) for vendor in vendors),
    )


def _items(
    catalog: Catalog, gpu: Gpu, runtime: Runtime, provider: str | None, llm: Llm
) -> Iterator[Item]:
    """Yield the considerations, from the card outwards."""
    source = runtime.sources[0].reference if runtime.sources else f"the record of {runtime.slug}"
    yield _maker_item(catalog, gpu)
    yield _runtime_item(gpu, runtime, source)
    yield _format_item(catalog, gpu, runtime, llm, source)
    yield _kernel_item(gpu, runtime)
    yield _build_item(runtime)
    yield _system_item(runtime, source)
    yield _provider_item(catalog, gpu, provider)


def _some(names: list[str]) -> str:
    """Return names, not too many."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more if names else "none"


def _maker_item(catalog: Catalog, gpu: Gpu) -> Item:
    """Return how many runtimes of the card run on other makers' cards too."""
    known = [catalog.runtime(slug) for slug in catalog.slugs("runtimes")]
    rig = Rig((CardGroup(1, gpu),))
    runs = [r for r in known if r.kind == "engine" and support(r, Asked(rig)).verdict != "no"]
    wide = [r.slug for r in runs if set(r.vendors) - {gpu.vendor}]
    return Item(
        "maker of the card",
        "free" if wide else "tied",
        f"{gpu.slug} is {gpu.vendor}; of {len(runs)} engines that run on it {len(wide)} run on "
        f"other makers' cards too: {_some(wide)}.",
        "the records of the runtimes",
    )


def _runtime_item(gpu: Gpu, runtime: Runtime, source: str) -> Item:
    """Return on whose cards the runtime runs."""
    others = [vendor for vendor in runtime.vendors if vendor != gpu.vendor]
    text = f"{runtime.name} runs on {', '.join(runtime.vendors) or 'cards that are not recorded'}."
    state: State = "free" if others else "tied" if runtime.vendors else "not known"
    return Item("runtime", state, text, source)


def _format_item(catalog: Catalog, gpu: Gpu, runtime: Runtime, llm: Llm, source: str) -> Item:
    """Return which weight formats load on other makers' cards too."""
    mine = loaded_formats(runtime, gpu)
    elsewhere: dict[str, set[str]] = {}
    for other in catalog.gpus():
        if other.vendor != gpu.vendor and other.vendor in runtime.vendors:
            for name in loaded_formats(runtime, other):
                elsewhere.setdefault(name, set()).add(other.vendor)
    shared = [name for name in mine if name in elsewhere]
    only = [name for name in mine if name not in elsewhere]
    own = llm.checkpoint.format
    state: State = "not known" if not mine else "free" if own in shared else "tied"
    makers = f" on {', '.join(sorted(elsewhere[own]))}" if own in shared else ""
    return Item(
        "weight formats",
        state,
        f"The checkpoint's {own} {'loads' if own in shared else 'does not load'} with "
        f"{runtime.name} on other makers' cards{makers}; {len(shared)} formats do, "
        f"{len(only)} load on {gpu.vendor} alone: {_some(only)}.",
        source,
    )


def _kernel_item(gpu: Gpu, runtime: Runtime) -> Item:
    """Return how many attention kernels are for this maker alone."""
    mine = sorted({k.name for k in runtime.attention if k.vendor == gpu.vendor})
    others = sorted({k.vendor for k in runtime.attention if k.vendor != gpu.vendor})
    if not mine:
        return Item(
            "attention kernels", "not known", f"Those of {runtime.name} were not read.",
            f"the record of {runtime.slug}",
        )  # fmt: skip
    return Item(
        "attention kernels",
        "free" if others else "tied",
        f"{runtime.name} has {len(mine)} for {gpu.vendor} ({_some(mine)}), and its own for "
        f"{', '.join(others) or 'no other maker'}: speed must be measured again after a move.",
        runtime.attention[0].source,
    )


def _build_item(runtime: Runtime) -> Item:
    """Return whether a model is compiled for a card before it is served."""
    found = next((s for s in runtime.statements if s.topic == BUILD_TOPIC), None)
    if found is None:
        return Item(
            "engine build", "not known", f"No record says whether {runtime.name} builds engines.",
            f"the record of {runtime.slug}",
        )  # fmt: skip
    state: State = "free" if found.text.startswith("None") else "tied"
    return Item("engine build", state, found.text, found.source)


def _system_item(runtime: Runtime, source: str) -> Item:
    """Return under which operating systems the runtime runs."""
    names = [SYSTEM_NAMES[name] for name in runtime.operating_systems]
    state: State = "not known" if not names else "tied" if len(names) == 1 else "free"
    text = f"{runtime.name} runs under {', '.join(names) or 'systems that are not recorded'}."
    return Item("operating system", state, text, source)


def _provider_item(catalog: Catalog, gpu: Gpu, provider: str | None) -> Item:
    """Return who else rents out the card."""
    offers: dict[str, Price] = {}
    for price in catalog.prices():
        if price.gpu != gpu.slug or price.per_gpu_usd_per_hour is None:
            continue
        known = offers.get(price.provider)
        if known is None or price.per_gpu_usd_per_hour < (known.per_gpu_usd_per_hour or 0.0):
            offers[price.provider] = price
    if provider is not None and provider not in offers:
        raise InputError(
            f"--provider {provider} has no price of {gpu.slug}; those that have: "
            f"{', '.join(sorted(offers)) or 'none'}"
        )
    cheapest = sorted(offers.values(), key=lambda p: p.per_gpu_usd_per_hour or 0.0)
    rates = [
        f"{p.provider} {show_usd(p.per_gpu_usd_per_hour or 0.0)}/h ({p.date})" for p in cheapest
    ]
    others = [p for p in cheapest if p.provider != provider]
    state: State = "not known" if not offers else "tied" if len(offers) == 1 else "free"
    single = " A single source." if len(offers) == 1 else ""
    move = ""
    if provider is not None and others:
        now = offers[provider].per_gpu_usd_per_hour or 0.0
        change = (others[0].per_gpu_usd_per_hour or 0.0) - now
        move = f" Leaving {provider} for {others[0].provider} is {show_signed(change)}/h a card."
    return Item(
        "provider",
        state,
        f"{len(offers)} rent out {gpu.slug} on demand: {_some(rates)}.{single}{move}",
        cheapest[0].source if cheapest else "the catalogue's prices",
    )


def _cheapest(
    catalog: Catalog, llm: Llm, question: Question, limits: dict[str, str]
) -> PlannedRig | None:
    """Return the cheapest plan within further limits."""
    asked = _within(question, limits)
    found = plan(llm, asked, space_of(catalog, asked), 1)
    return found.plans[0] if found.plans else None


def _within(question: Question, limits: dict[str, str]) -> Question:
    """Return a question with further limits."""
    return replace(question, limits=question.limits.model_copy(update=limits))


def _exit(
    catalog: Catalog, llm: Llm, question: Question, vendor: str, own: PlannedRig | None
) -> Exit:
    """Return what leaving for another maker costs."""
    found = _cheapest(catalog, llm, question, {"vendor": vendor})
    if found is not None and own is not None:
        return Exit(vendor, found, "", found.rent_usd_per_month - own.rent_usd_per_month)
    if found is not None:
        return Exit(vendor, found, "", None)
    return Exit(vendor, None, _engines(catalog, llm, question, vendor), None)


def _engines(catalog: Catalog, llm: Llm, question: Question, vendor: str) -> str:
    """Return the fewest cards of a maker, in one machine, that carry the traffic, if any do."""
    wanted, lengths = question.wanted_requests_per_s, question.lengths
    for count in SIZES:
        rigs = [Rig((CardGroup(count, g),)) for g in catalog.gpus() if g.vendor == vendor]
        rates = [(_rate_per_s(catalog, llm, rig, lengths), rig.text) for rig in rigs]
        enough = [found for found in rates if found[0] >= wanted]
        if enough:
            rate, text = min(enough)
            return (
                f"{text} carries up to {rate:.3g} requests/s of {wanted:.3g} wanted, and no "
                "on-demand offer of it is known."
            )
    return f"No machine of up to {SIZES[-1]} cards of {vendor} carries {wanted:.3g} requests/s."


def _rate_per_s(catalog: Catalog, llm: Llm, rig: Rig, lengths: Lengths) -> float:
    """Return the most requests a second of a rig in the usual deployment; 0 where none runs."""
    try:
        found = predict(propose(catalog, llm, rig), lengths, None)
    except InputError:
        return 0.0
    return found.requests_per_s.mid if found.fit.verdict != "no" else 0.0
