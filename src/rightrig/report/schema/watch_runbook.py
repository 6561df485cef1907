"""What ``watch runbook`` answers."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict


class RunbookXidJson(TypedDict):
    """An error event of NVIDIA's driver; texts are empty where no table of ours has it."""

    number: int
    name: str
    severity: Literal["critical", "warning", "info"]
    meaning: str
    action: str
    nvidia_now: str
    nvidia_then: str


class RunbookRowJson(TypedDict):
    """One page of the list."""

    runbook: str
    title: str
    alerts: list[str]
    xids: list[int]


class RunbookListJson(TypedDict):
    """Every page."""

    runbooks: list[RunbookRowJson]


class RunbookPageJson(TypedDict):
    """One page, and the XID that was asked for."""

    runbook: str
    title: str
    alerts: list[str]
    xid: RunbookXidJson | None
    text: str


RunbookJson: TypeAlias = RunbookListJson | RunbookPageJson
