"""What the configurator answers: the chosen model's memory, the table, and what changed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from rightrig.planning.survey.survey import lengths_at
from rightrig.prediction.levers import levers
from rightrig.prediction.memory_fit import VERDICT_RANK
from rightrig.prediction.predict import predict
from rightrig.quantities import GIB, show_gib
from rightrig.report.views import SIGNS
from rightrig.verbs.deploying import others
from rightrig.web.drawing import memory_drawing
from rightrig.web.pages.configurator_money import Money, money_of
from rightrig.web.pages.configurator_shelf import load_of
from rightrig.web.pages.configurator_table import shown_places, table_of
from rightrig.web.state import canonical, question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.planning.survey.survey import Survey
    from rightrig.prediction.levers import Lever
    from rightrig.prediction.memory_fit import Fit
    from rightrig.prediction.predict import Prediction
    from rightrig.web.drawing import Drawing
    from rightrig.web.pages.configurator_shelf import Shelf
    from rightrig.web.pages.configurator_table import Table
    from rightrig.web.state import Reading, State

_NO: Final = VERDICT_RANK["no"]
_MOST_NAMED: Final = 6
_WORDS: Final = {"fits": "fit", "tight": "tight", "offload": "with layers in host memory",
                 "no": "do not fit"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model whose memory is drawn.

    Attributes:
        how: Engine, split and formats.
        sentences: Why the verdict is what it is, and how far it could go.
        drawing: ``None`` where nothing could be tried.
        prediction: ``None`` where the speed is not known.
        lever: The cheapest change that makes it fit, where it does not and one is known.
        is_default: Whether nobody chose it.
    """

    place: int
    slug: str
    name: str
    verdict: str
    sign: str
    how: str
    sentences: tuple[str, ...]
    drawing: Drawing | None
    prediction: Prediction | None
    lever: Lever | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class Miss:
    """The model that all but fits; ``need`` is what its tightest card needs of its budget."""

    slug: str
    name: str
    need: str


@dataclass(frozen=True, slots=True)
class Shift:
    """How the verdicts differ from the state before.

    Attributes:
        lost, won: Names of models that no longer fit, and that now do …
        more_lost_count, more_won_count: … and how many more there are.
        eased_count: Models that fit in both, with another verdict.
    """

    text: str
    lost: tuple[str, ...]
    won: tuple[str, ...]
    more_lost_count: int
    more_won_count: int
    eased_count: int

    @property
    def sentence(self) -> str:
        """The difference in one sentence."""
        parts = [
            _counted(self.lost, self.more_lost_count, "no longer fits", "no longer fit"),
            _counted(self.won, self.more_won_count, "now fits", "now fit"),
        ]
        told = "; ".join(part for part in parts if part)
        return f"{self.text}: {told or 'the same models fit'}."


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything right of the form."""

    counts: tuple[tuple[str, int, str], ...]
    total_count: int
    summary: str
    chosen: Chosen | None
    table: Table
    money: Money
    shift: Shift | None
    nearest: Miss | None


def answer_of(reading: Reading, shelf: Shelf, before: Reading | None) -> Answer:
    """Return what a state asks for.

    Args:
        reading: The state.
        shelf: The catalogue.
        before: The state before; ``None`` where there was none.

    Raises:
        InputError: when a choice names what the catalogue does not know.
    """
    state = reading.state
    survey = shelf.surveyed(reading)
    places = shown_places(survey, shelf, replace(state, status=""))
    chosen = _chosen(survey, shelf, state, places)
    codes = survey.held.verdict.tolist()
    counted = [codes[place] for place in places]
    counts = tuple(
        (word, counted.count(rank), SIGNS[word]) for word, rank in VERDICT_RANK.items()
    )  # fmt: skip
    return Answer(
        counts,
        len(places),
        _summary(counts, len(places), chosen),
        chosen,
        table_of(survey, shelf, state, chosen.place if chosen else None),
        money_of(survey, shelf, state, chosen.place if chosen else None, _drawn(chosen)),
        None if before is None else _shift(before, reading, shelf, survey),
        _nearest(survey, shelf, places),
    )


def _nearest(survey: Survey, shelf: Shelf, places: Sequence[int]) -> Miss | None:
    """Return the shown model that lacks the smallest share of its card."""
    held, codes = survey.held, survey.held.verdict.tolist()
    lacking = held.headroom_ratio.tolist()
    missed = [p for p in places if codes[p] == _NO and survey.deployments[p] is not None]
    if not missed:
        return None
    place = max(missed, key=lacking.__getitem__)
    need, budget = float(held.required_bytes[place]), float(held.budget_bytes[place])
    llm = shelf.llms[place]
    return Miss(llm.slug, llm.name, f"{show_gib(need)} of {show_gib(budget)}")


def _drawn(chosen: Chosen | None) -> Prediction | None:
    """Return the prediction of the chosen model."""
    return chosen.prediction if chosen else None


def _summary(
    counts: Sequence[tuple[str, int, str]], total_count: int, chosen: Chosen | None
) -> str:
    """Return how many models fit, in a sentence for eyes and ears."""
    first, *others = counts
    told = "; ".join(f"{count} {_WORDS[word]}" for word, count, _ in others if count)
    text = f"{first[1]} of {total_count} models fit{f'; {told}' if told else ''}."
    return f"{text} Largest: {chosen.name}." if chosen and chosen.is_default else text


def _chosen(
    survey: Survey, shelf: Shelf, state: State, places: Sequence[int]
) -> Chosen | None:  # fmt: skip
    """Return the model that is named, else the largest that fits."""
    place = shelf.places.get(state.model)
    is_default = place is None
    if place is None:
        if not places:
            return None
        place = places[0]
    llm, fit = shelf.llms[place], survey.held.fit(place)
    verdict = survey.verdict(place)
    drawing, prediction, lever, how = None, None, None, ""
    if fit is None:
        sentences: tuple[str, ...] = (survey.held.reason(place),)
    else:
        drawing, prediction = memory_drawing(fit), _prediction(survey, state, place, fit)
        sentences = (*fit.explain().sentences[:1], _room(fit))
        how = _how(fit)
        if verdict == "no":
            lever = next(iter(levers(fit, others(shelf.catalog, fit.deployment), 1)), None)
    return Chosen(
        place, llm.slug, llm.name, verdict, SIGNS[verdict], how, sentences, drawing, prediction,
        lever, is_default,
    )  # fmt: skip


def _how(fit: Fit) -> str:
    """Return engine, split and formats of a fit."""
    deployment = fit.deployment
    precision, stored = deployment.precision, deployment.llm.format_of(
        deployment.precision.weights
    )  # fmt: skip
    version = deployment.version or deployment.runtime.version
    return (
        f"{deployment.runtime.name} {version}, {deployment.parallelism.text}, weights {stored}, "
        f"KV cache {precision.kv}"
    )


def _prediction(survey: Survey, state: State, place: int, fit: Fit) -> Prediction | None:
    """Return the speed of a model with its power; of a rate with as many users as then run."""
    deployment = survey.deployments[place]
    if deployment is None or not survey.has_speed(place):
        return None
    load = load_of(state)
    lengths = lengths_at(int(survey.held.tokens[place]), load)
    if load.rate_requests_per_s is not None:
        return predict(deployment, lengths, max(1, round(float(survey.running_seqs[place]))))
    return predict(deployment, lengths, load.users_count, fit)


def _room(fit: Fit) -> str:
    """Say how far context and users could go, each with the other as asked."""
    whole = fit.max_context_tokens == fit.deployment.llm.max_context_tokens
    own = " (the model's own limit)" if whole else ""
    return (
        f"Largest possible: {fit.max_context_tokens:,} tokens of context{own} for "
        f"{fit.concurrency:,} at once; {fit.max_concurrency:,} at once of "
        f"{fit.context_tokens:,} tokens."
    )


def arithmetic(fit: Fit) -> str:
    """Return the sum of what lies on the card that decides, and its budget."""
    card = fit.binding
    parts = " + ".join(
        f"{part.name.replace('_', ' ')} {part.size_bytes.mid / GIB:,.2f}"
        for part in card.components
        if part.is_budgeted
    )
    spare = card.free_bytes
    rest = f"{show_gib(spare)} free" if spare >= 0.0 else f"{show_gib(-spare)} too much"
    return (
        f"Card {card.card} ({card.gpu}): {parts} = {card.required_bytes.mid / GIB:,.2f} GiB, of a "
        f"budget of {show_gib(card.budget_bytes.mid)}: {rest}."
    )


def _shift(before: Reading, after: Reading, shelf: Shelf, survey: Survey) -> Shift | None:
    """Return how verdicts differ from those of the state before; ``None`` for the same state."""
    if canonical(question(before.state)) == canonical(question(after.state)):
        return None
    old, new = shelf.verdicts_of(before), survey.held.verdict.tolist()
    scope = [
        place
        for place in survey.held.order().tolist()
        if after.state.every or place in shelf.curated
    ]
    lost = [shelf.llms[p].name for p in scope if old[p] != _NO and new[p] == _NO]
    won = [shelf.llms[p].name for p in scope if old[p] == _NO and new[p] != _NO]
    eased = sum(old[p] != new[p] for p in scope) - len(lost) - len(won)
    return Shift(
        _change_text(before.state, after.state),
        tuple(lost[:_MOST_NAMED]), tuple(won[:_MOST_NAMED]),
        max(len(lost) - _MOST_NAMED, 0), max(len(won) - _MOST_NAMED, 0), eased,
    )  # fmt: skip


def _change_text(before: State, after: State) -> str:
    """Return what changed between two states, as ``4xrtx-4090 → 2xrtx-4090``."""
    old, new = question(before), question(after)
    changed = [
        (f.name, getattr(old, f.name), getattr(new, f.name))
        for f in fields(old)
        if getattr(old, f.name) != getattr(new, f.name)
    ]
    return ", ".join(
        f"{was} → {now}"
        if name == "rig"
        else f"{name.partition('_')[0]} {was or 'usual'} → {now or 'usual'}"
        for name, was, now in changed
    )


def _counted(names: Sequence[str], more_count: int, one: str, many: str) -> str:
    """Return a number of models with what they do; empty for none."""
    count = len(names) + more_count
    if not count:
        return ""
    return f"1 model {one}" if count == 1 else f"{count} models {many}"
