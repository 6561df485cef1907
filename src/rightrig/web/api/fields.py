"""From a verb's signature to the shape of its requests: names, types, limits and help."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model

from rightrig.verbs import options
from rightrig.verbs.table import FILES, LOCAL
from rightrig.verbs.words import words_of as parameters_of

if TYPE_CHECKING:
    from rightrig.verbs.table import Verb

LONGEST_TEXT: Final = 2000
MOST_ITEMS_COUNT: Final = 32
MOST_NUMBER: Final = 10**12
"""No count, size or price that a verb takes is larger."""
FILE_NAME: Final = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}$"
"""No folder, and nothing that a leading dot hides: there a server keeps what is its own."""
_MODEL_HELP: Final = "Name of the catalogue, or the hub id that its record has"
_CONFIG_HELP: Final = "; or the config.json of another model."


class _Strict(BaseModel):
    """What has no fields but the known ones."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class UploadedFile(_Strict):
    """A file sent with the request.

    Attributes:
        name: Its ending may say what it is.
        text: Its content.
    """

    name: Annotated[str, Field(pattern=FILE_NAME, examples=["trace.csv"])]
    text: str


class UploadedConfig(_Strict):
    """A model that the catalogue lacks.

    Attributes:
        config: The content of its ``config.json``.
    """

    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a verb.

    Attributes:
        name: Of the field.
        annotation: Its type, without what the command line adds.
        default: ``...`` where it has to be given.
        help: One sentence.
        takes: What may be sent with it: nothing, a configuration beside a name, or a file.
    """

    name: str
    annotation: Any
    default: object
    help: str
    takes: Literal["value", "model", "file"]


@cache
def words_of(verb: Verb) -> tuple[Word, ...]:
    """Return the words that a server takes: without those that name folders to write into."""
    return tuple(_word(one) for one in parameters_of(verb.answer) if one.name not in LOCAL)


def _word(parameter: inspect.Parameter) -> Word:
    """Return one word, from its annotation."""
    annotation, about = get_args(parameter.annotation)[:2]
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    takes: Literal["value", "model", "file"] = "file" if parameter.name in FILES else "value"
    if about in {get_args(options.Model)[1], get_args(options.ModelOrNone)[1]}:
        takes = "model"
    return Word(parameter.name, annotation, default, about.help or about.metavar or "", takes)


@cache
def body_of(verb: Verb) -> type[BaseModel]:
    """Return the shape of a verb's request with a body."""
    return _shape(verb, "Request", words_of(verb), uploads=True)


@cache
def query_of(verb: Verb) -> type[BaseModel] | None:
    """Return the shape of a verb's request without a body; ``None`` where it needs a file."""
    words = words_of(verb)
    if any(word.takes == "file" and word.default is ... for word in words):
        return None
    return _shape(verb, "Query", [w for w in words if w.takes != "file"], uploads=False)


def _shape(
    verb: Verb, kind: str, words: tuple[Word, ...] | list[Word], *, uploads: bool
) -> type[BaseModel]:
    """Return the model of some words."""
    name = "".join(part.capitalize() for part in re.split(r"[ -]", " ".join(verb.words)))
    fields: dict[str, Any] = {
        word.name: (
            _type(word, uploads=uploads),
            Field(word.default, description=_help(word, uploads=uploads)),
        )
        for word in words
    }
    return create_model(f"{name}{kind}", __base__=_Strict, __doc__=verb.answer.__doc__, **fields)


def _help(word: Word, *, uploads: bool) -> str:
    """Return what is told of a word."""
    if word.takes != "model":
        return word.help
    return _MODEL_HELP + (_CONFIG_HELP if uploads else ".")


def _type(word: Word, *, uploads: bool) -> Any:  # noqa: ANN401 - a type that is made
    """Return the type of a word's field."""
    is_optional = type(None) in get_args(word.annotation)
    if not uploads or word.takes == "value":
        return _bounded(word.annotation)
    sent: Any = UploadedFile if word.takes == "file" else _bounded(str) | UploadedConfig
    return sent | None if is_optional else sent


def _bounded(annotation: Any) -> Any:  # noqa: ANN401 - types in, types out
    """Return a type with the limits that every value has."""
    inner = get_args(annotation)
    if get_origin(annotation) is Literal or annotation in {bool, type(None)}:
        return annotation
    if get_origin(annotation) is list:
        return Annotated[list[_bounded(inner[0])], Field(max_length=MOST_ITEMS_COUNT)]  # type: ignore[misc]
    if inner:
        whole = _bounded(inner[0])
        for part in inner[1:]:
            whole = whole | _bounded(part)
        return whole
    if annotation is str:
        return Annotated[str, Field(max_length=LONGEST_TEXT)]
    limits = Field(ge=-MOST_NUMBER, le=MOST_NUMBER, allow_inf_nan=False) if annotation is float \
        else Field(ge=-MOST_NUMBER, le=MOST_NUMBER)  # fmt: skip
    return Annotated[annotation, limits]
