"""What ``checklist`` answers: items of production readiness, each with its evidence."""

from typing import Literal

from typing_extensions import TypedDict


class ChecklistItemJson(TypedDict):
    """One item.

    Attributes:
        sentence: What should hold.
        found: The evidence.
        remedy: What to do where it failed, or what would make it verifiable.
        command: One that does it, for this deployment.
    """

    id: str
    topic: Literal["plan", "machine", "links", "metrics", "alerts", "load", "information"]
    sentence: str
    status: Literal["pass", "fail", "not verifiable", "information"]
    found: str
    remedy: str
    command: str


class ChecklistJson(TypedDict):
    """The production checklist of one deployment.

    Attributes:
        ready: Nothing failed; with ``--strict`` nothing was left unverified either.
    """

    deployment: str
    model: str
    rig: str
    peak_requests_per_s: float
    ready: bool
    strict: bool
    passed_count: int
    failed_count: int
    unverified_count: int
    items: list[ChecklistItemJson]
