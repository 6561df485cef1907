"""How a command ends: print what was found, write it where that was asked, set the exit code."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rightrig.report.sharing import Form
    from rightrig.verbs.found import Found


_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Wanted:
    """The forms in which an answer was asked for.

    Attributes:
        json: Whether JSON is printed in place of text.
        html, md: Files for a page and for Markdown; ``-`` prints it in place of all else.
    """

    json: bool = False
    html: str | None = None
    md: str | None = None


def answer(found: Found[Any], wanted: Wanted) -> None:
    """Give what was found in the forms asked for; exit with 1 when the answer is no.

    What somebody interrupted is given too, and exits with 130.
    """
    reports: dict[Form, str | None] = {"html": wanted.html, "md": wanted.md}
    written = [_report(found, form, file) for form, file in reports.items() if file is not None]
    if "-" not in reports.values() and not found.is_shown:
        _print(found, as_json=wanted.json)
        if written and not wanted.json:
            sys.stdout.write(f"Written: {', '.join(written)}\n")
    if found.interrupted:
        sys.exit(_INTERRUPTED)
    if not found.yes:
        sys.exit(1)


def _print(found: Found[Any], *, as_json: bool) -> None:
    """Print an answer."""
    if as_json:
        from rightrig.verbs.told import whole_json

        sys.stdout.write(json.dumps(whole_json(found), ensure_ascii=False, indent=1) + "\n")
    elif found.text is not None:
        # As it is: no line of a file may be wrapped.
        sys.stdout.write(found.text())
    else:
        from rightrig.report.terminal import show
        from rightrig.verbs.told import whole_document

        show(whole_document(found))


def _report(found: Found[Any], form: Form, file: str) -> str:
    """Write an answer as a page, and return the name of its file.

    Raises:
        InputError: when the file cannot be written.
        MissingError: for HTML without the extra ``web``.
    """
    from rightrig.report.sharing import report_of
    from rightrig.verbs.price_ages import today
    from rightrig.verbs.saving import write_file

    command = shlex.join(["rightrig", *_without(sys.argv[1:], "--html", "--md")])
    page = report_of(found, form, command, today(), found.charts())
    if file == "-":
        sys.stdout.write(page)
        return file
    write_file(f"--{form}", file, [page])
    return file


def _without(words: list[str], *options: str) -> list[str]:
    """Return the words of a command without some options and their values."""
    kept, is_value = [], False
    for word in words:
        if is_value:
            is_value = False
        elif word in options:
            is_value = True
        elif not word.startswith(tuple(f"{option}=" for option in options)):
            kept.append(word)
    return kept
