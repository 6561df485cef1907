"""Who should take which of some builds: what each leads in, where the difference is certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.interval import Interval
from rightrig.quantities import MILLION, show_number, show_usd

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.planning.builds import Build, Comparison


@dataclass(frozen=True, slots=True)
class _Merit:
    """A quantity in which a build may lead.

    Attributes:
        what: Completes "take it for …".
        value: ``None`` where a build lacks the quantity.
        is_less_better: Whether the least leads.
    """

    what: str
    value: Callable[[Build], Interval | None]
    text: Callable[[float], str]
    is_less_better: bool = False


def _exact(value: float | None) -> Interval | None:
    """Return a known value as an interval."""
    return None if value is None else Interval.exact(value)


_MERITS: Final = (
    _Merit("the lowest rent", lambda one: _exact(one.rent_usd_per_month),
           lambda usd: f"{show_usd(usd)} a month", is_less_better=True),
    _Merit("the cheapest tokens", lambda one: one.serving.output_usd_per_token,
           lambda usd: f"{show_usd(usd * MILLION)} a million", is_less_better=True),
    _Merit("the quickest answers", lambda one: one.serving.user_tokens_per_s,
           lambda rate: f"{show_number(rate)} tokens/s a user"),
    _Merit("the most tokens in all", lambda one: one.serving.output_tokens_per_s,
           lambda rate: f"{show_number(rate)} tokens/s"),
    _Merit("the most users", lambda one: _exact(float(one.serving.max_users_count) or None),
           lambda count: f"{count:,.0f} at this context"),
    _Merit("the most models", lambda one: _exact(float(len(one.held))),
           lambda count: f"{count:,.0f} fit"),
    _Merit("the least electricity", lambda one: one.watts.load_w if one.watts else None,
           lambda watts: f"{watts:,.0f} W at this load", is_less_better=True),
)  # fmt: skip
"""What builds are chosen by, in the order in which it is told."""


def advice(comparison: Comparison) -> tuple[str, ...]:
    """Return a sentence a build: what to take it for, or why not to take it."""
    builds = comparison.builds
    if len(builds) == 1:
        return (_alone(comparison),)
    led: dict[int, list[str]] = {number: [] for number in range(len(builds))}
    unsure = []
    for merit in _MERITS:
        number, is_sure, text = _leader(merit, builds)
        if number is not None and is_sure:
            led[number].append(text)
        elif number is not None:
            unsure.append(merit.what)
    sentences = [_sentence(builds[number], comparison, found) for number, found in led.items()]
    if unsure:
        sentences.append(
            f"Too close to call: {_joined(unsure)}; the intervals of the first two overlap, or "
            "they are equal."
        )
    return tuple(sentences)


def _alone(comparison: Comparison) -> str:
    """Return what one build does, where there is no other."""
    build = comparison.builds[0]
    if build.serving.verdict in {"fits", "tight"}:
        return f"{build.rig.text} holds {comparison.llm.name}; pin another build to compare it."
    return _lacking(build, comparison)


def _leader(merit: _Merit, builds: tuple[Build, ...]) -> tuple[int | None, bool, str]:
    """Return the build that leads in a quantity, whether that is sure, and in words.

    It is sure where its interval and that of the second do not meet.
    """
    known = [(value, n) for n, one in enumerate(builds) if (value := merit.value(one)) is not None]
    known.sort(key=lambda pair: pair[0].mid, reverse=not merit.is_less_better)
    if not known:
        return None, False, ""
    best, number = known[0]
    if len(known) == 1:
        # To be the only one of which a quantity is known is no lead, but for the model's own.
        others_lack = all(one.serving.tpot_s is None for n, one in enumerate(builds) if n != number)
        return (number, True, f"{merit.what} ({merit.text(best.mid)})") if others_lack else (
            None, False, ""
        )  # fmt: skip
    second = known[1][0]
    is_sure = best.high < second.low if merit.is_less_better else best.low > second.high
    text = f"{merit.what} ({merit.text(best.mid)} against {merit.text(second.mid)})"
    return number, is_sure, text


def _sentence(build: Build, comparison: Comparison, led: list[str]) -> str:
    """Return what to take a build for."""
    if build.serving.verdict not in {"fits", "tight"}:
        rest = f" It has {_joined(led)}." if led else ""
        return f"{_lacking(build, comparison)}{rest}"
    if not led:
        return f"{build.rig.text} leads in nothing that is compared here for certain."
    return f"Take {build.rig.text} for {_joined(led)}."


def _lacking(build: Build, comparison: Comparison) -> str:
    """Return that a build does not hold the model on its cards."""
    load = comparison.load
    asked = f"{load.sequences_count:,} × {load.context_tokens:,} tokens"
    how = "only with layers in host memory" if build.serving.verdict == "offload" else "not"
    return f"{build.rig.text} holds {comparison.llm.name} for {asked} {how}: {build.serving.reason}"


def _joined(texts: list[str]) -> str:
    """Return texts as a list in a sentence."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
