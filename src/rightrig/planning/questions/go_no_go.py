"""Go or no-go: is a technique worth its complexity here; eight criteria, scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.facts.reading import plain
from rightrig.facts.source import Record

Reply = Literal["yes", "no", "unknown"]
_REPLIES: Final[dict[str, Reply]] = {"yes": "yes", "no": "no", "unknown": "unknown"}
LEAST_SCORE_RATIO: Final = 0.75
"""Share of the weights that a go takes: a judgement, as the weights are."""
_SOURCE: Final = "the questionnaire's weights, a judgement that the template shows"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question; yes speaks for the technique.

    Attributes:
        weight_ratio: Its part of the score; all add up to 1.
        evidence: What a yes should rest on.
        blocks: Whether anything but yes is a no-go.
    """

    id: str
    question: str
    weight_ratio: float
    evidence: str
    blocks: bool = False


CRITERIA: Final = (
    Criterion(
        "bottleneck", "Has a measurement shown a bottleneck that the technique removes?", 0.2,
        "a profile of the real load, and the share of a step that the technique touches "
        "(rightrig predict --explain shows the predicted one)",
        blocks=True,
    ),
    Criterion(
        "profiled", "Do you know from a profile where the rest of the time goes?", 0.1,
        "a trace of one step, kernel by kernel, and the time between steps",
    ),
    Criterion(
        "plain-misses", "Does the engine with its default settings miss a target?", 0.2,
        "throughput and latency of the defaults under your traffic, beside the target",
        blocks=True,
    ),
    Criterion(
        "volume", "Does the traffic repay the work of setting it up?", 0.15,
        "dollars a month before and after (rightrig plan), beside the hours of work",
    ),
    Criterion(
        "monitoring", "Would monitoring show it if the technique made things worse?", 0.15,
        "an alert on latency, on tokens/s and on the quality of answers, and who receives it",
        blocks=True,
    ),
    Criterion(
        "scale", "Does the gain hold at your scale, not only in a small test?", 0.05,
        "the gain at your batch and context lengths (rightrig predict --sweep)",
    ),
    Criterion(
        "upkeep", "Will somebody maintain it for as long as it is in use?", 0.1,
        "a name, and how upgrades of the engine are tested",
    ),
    Criterion(
        "settled", "Is the architecture of the model settled for that time?", 0.05,
        "when the model was last replaced, and by one of which family",
    ),
)  # fmt: skip
"""The eight criteria, in the order in which ``--answers`` gives them."""


class Answers(Record):
    """What a file says.

    Attributes:
        technique: What is to be decided on.
        answers: Criterion → reply; one that is left out is unknown.
    """

    technique: str = ""
    answers: Mapping[str, Reply]


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer.

    Attributes:
        replies: One a criterion, in the order of ``CRITERIA``.
        score_ratio: Weight of the criteria that are answered with yes.
        blocking: Criteria that forbid a go by themselves.
        open: Criteria without an answer; they count as no.
    """

    technique: str
    replies: tuple[Reply, ...]
    score_ratio: float
    blocking: tuple[Criterion, ...]
    open: tuple[Criterion, ...]

    @property
    def is_go(self) -> bool:
        """Whether nothing blocks and the score is high enough."""
        # Sums of tenths miss their decimal by a rounding error.
        return not self.blocking and self.score_ratio >= LEAST_SCORE_RATIO - 1e-9

    def explain(self) -> Explanation:
        """Return the decision in sentences."""
        what = self.technique or "the technique"
        verdict = "Go" if self.is_go else "No-go"
        count = len(self.blocking)
        blocks = (
            "nothing blocks"
            if not count
            else f"{count} blocking item{'s' * (count > 1)} remain{'s' * (count == 1)}"
        )
        first = (
            f"{verdict} for {what}: {self.score_ratio:.0%} of the weight says yes, "
            f"{LEAST_SCORE_RATIO:.0%} are needed, and {blocks}."
        )
        sentences = [first]
        sentences += [f"Blocking: {one.question} Wanted: {one.evidence}." for one in self.blocking]
        sentences += [
            f"Unanswered, counted as no: {one.question} Wanted: {one.evidence}."
            for one in self.open
            if not one.blocks
        ]
        figures = (Figure("score_ratio", self.score_ratio, f"{self.score_ratio:.0%}", _SOURCE),)
        return Explanation(tuple(sentences), figures, (_SOURCE,))


def decide(answers: Answers) -> Decision:
    """Return go or no-go.

    Raises:
        InputError: for an answer to a criterion that does not exist.
    """
    known = [one.id for one in CRITERIA]
    strange = next((name for name in answers.answers if name not in known), None)
    if strange is not None:
        raise InputError(
            f"answers names {plain(strange, 40)!r}, which is no criterion; they are "
            f"{', '.join(known)}"
        )
    replies = tuple(answers.answers.get(name, "unknown") for name in known)
    pairs = list(zip(CRITERIA, replies, strict=True))
    return Decision(
        technique=answers.technique,
        replies=replies,
        score_ratio=sum(one.weight_ratio for one, reply in pairs if reply == "yes"),
        blocking=tuple(one for one, reply in pairs if one.blocks and reply != "yes"),
        open=tuple(one for one, reply in pairs if reply == "unknown"),
    )


def parse_answers(text: str) -> Answers:
    """Return the answers of ``yes,no,unknown,…``, one a criterion in their order.

    Raises:
        InputError: for another number of words, or another word.
    """
    words = [word.strip().lower() for word in text.split(",")]
    if len(words) != len(CRITERIA):
        raise InputError(
            f"--answers has {len(words)} words and there are {len(CRITERIA)} criteria: "
            f"{', '.join(one.id for one in CRITERIA)}; --template prints the questions"
        )
    found: dict[str, Reply] = {}
    for one, word in zip(CRITERIA, words, strict=True):
        reply = _REPLIES.get(word)
        if reply is None:
            raise InputError(f"--answers: {plain(word, 40)!r} is none of {', '.join(_REPLIES)}")
        found[one.id] = reply
    return Answers(answers=found)


def template() -> str:
    """Return a file to fill in: every question unanswered."""
    lines = ['technique = "what you want to introduce"', "", "[answers] # yes, no or unknown"]
    for one in CRITERIA:
        blocks = ", blocks" if one.blocks else ""
        lines += [
            f"# {one.question} ({one.weight_ratio:.0%}{blocks})",
            f"# Evidence: {one.evidence}.",
            f'{one.id} = "unknown"',
        ]
    return "\n".join(lines) + "\n"
