"""Options of the form ``kind:key=value,key=value``, as the command line takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from rightrig.errors import InputError
from rightrig.quantities import Dimension, parse

if TYPE_CHECKING:
    from rightrig.facts.source import Record

    AnyRecord = TypeVar("AnyRecord", bound=Record)

MAX_TEXT: Final = 4096


@dataclass(slots=True)
class OptionText:
    """The parts of one option; values are taken out one by one, so that leftovers show.

    Attributes:
        name: What the option is called in messages.
        forms: The allowed forms, for messages.
        kind: What stands before the colon.
        rest: What stands after it.
        values: Texts by key that were not yet taken.
    """

    name: str
    forms: str
    kind: str
    rest: str
    values: dict[str, str] = field(default_factory=dict)

    def wrong(self, reason: str) -> InputError:
        """Return the error of this option: a reason and the allowed forms."""
        return InputError(f"{self.name}: {reason}; write {self.forms}")

    def number(self, key: str, dimension: Dimension = "count") -> float | None:
        """Take a number in the base unit of a dimension; ``None`` when it is not given."""
        text = self.values.pop(key, None)
        return None if text is None else parse(text, dimension, name=f"{self.name}: {key}")

    def needed(self, key: str, dimension: Dimension = "count") -> float:
        """Take a number that must be given."""
        value = self.number(key, dimension)
        if value is None:
            raise self.wrong(f"{self.kind} needs {key}")
        return value

    def whole(self, key: str) -> int | None:
        """Take a whole number; ``None`` when it is not given."""
        value = self.number(key)
        if value is not None and value != int(value):
            raise self.wrong(f"{key} is {value:g}, no whole number")
        return None if value is None else int(value)

    def bounds(self) -> dict[str, int]:
        """Take ``low`` and ``high``, as far as they are given."""
        found = {f"{key}_tokens": self.whole(key) for key in ("low", "high")}
        return {key: value for key, value in found.items() if value is not None}

    def check_all_taken(self) -> None:
        """Refuse keys that nobody asked for."""
        if self.values:
            raise self.wrong(f"{self.kind} knows no {' or '.join(sorted(self.values))}")

    def record(self, kind: type[AnyRecord], **fields: Any) -> AnyRecord:  # noqa: ANN401 - any fields
        """Return a record of these fields; what it refuses becomes one sentence."""
        self.check_all_taken()
        try:
            return kind(**fields)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = first["msg"].removeprefix("Value error, ")
            raise self.wrong(f"{where} {reason}".strip()) from None


def split_option(text: str, *, name: str, forms: str) -> OptionText:
    """Return the parts of ``kind:key=value,…``; without an ``=`` all after the colon is ``rest``.

    Raises:
        InputError: for a key without a value, or one that is given twice.
    """
    kind, _, rest = text.strip().partition(":")
    option = OptionText(name, forms, kind.strip().lower(), rest.strip())
    if not kind or len(text) > MAX_TEXT:
        raise option.wrong("it is empty" if not kind else f"it is longer than {MAX_TEXT} letters")
    for part in (p for p in rest.split(",") if "=" in rest and p.strip()):
        key, sign, value = (piece.strip() for piece in part.partition("="))
        if not (key and sign and value) or key in option.values:
            fault = "is given twice" if key in option.values else "is no key=value"
            raise option.wrong(f"{part.strip()!r} {fault}")
        option.values[key] = value
    return option
