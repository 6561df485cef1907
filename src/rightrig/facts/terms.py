"""Terms under which the weights of models are published."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from rightrig.facts.source import Record, Source


class Licence(Record):
    """The terms under which weights are published.

    Attributes:
        slug: As in the ``licence`` of a model, such as ``apache-2.0``.
        aliases: What the hub's model cards call it.
        osi_approved: Whether the Open Source Initiative lists it among the approved ones.
        commercial: Whether use for money is allowed: ``yes``, ``yes-with-limit`` where ``limit``
            says who has to ask or what is forbidden, or ``no``.
        limit: In one sentence; only where ``commercial`` is not ``yes``.
        sources: Its text first.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    osi_approved: bool = False
    commercial: Literal["yes", "yes-with-limit", "no"]
    limit: str = ""
    sources: tuple[Source, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _limits_are_stated(self) -> Licence:
        if (self.commercial == "yes") == bool(self.limit):
            raise ValueError("state the limit of a licence, unless commercial is yes")
        if self.osi_approved and self.commercial != "yes":
            raise ValueError("a licence that the OSI approves allows every use")
        return self
