"""Templates of recipes: few, small, and strict about names."""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import MissingError

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"
EXTRA: Final = "recipes as files need an extra: pip install 'rightrig[recipes]'"


def render(template: str, /, **values: object) -> str:
    """Return a template filled in.

    Templates know two filters: ``json`` writes a value as JSON, which YAML reads as well, and
    ``shell`` quotes a word for a shell.

    Args:
        template: File below ``templates/``, without ``.j2``.
        values: What it names; a name that it uses and nobody gives is an error.

    Raises:
        MissingError: without the extra ``recipes``.
    """
    return _environment().get_template(f"{template}.j2").render(**values)


@cache
def _environment() -> Environment:
    """Return where templates are looked up."""
    try:
        import jinja2  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingError(EXTRA) from error
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - no HTML: shell, YAML and Markdown, each with its filter
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    found.filters["json"] = _json
    found.filters["shell"] = lambda word: shlex.quote(str(word))
    return found


def _json(value: object) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False)
