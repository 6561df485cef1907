"""Results in a notebook: ``%load_ext rightrig.report.notebook`` shows them as tables and bars.

IPython asks for the formatter of a type; results themselves know no HTML. A console keeps plain
text, in the layout of the command line.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from rightrig.deployment.rig import Rig
from rightrig.errors import MissingError
from rightrig.facts.gpu import Gpu
from rightrig.facts.llm import Llm
from rightrig.facts.runtime import Runtime
from rightrig.facts.system import System
from rightrig.planning.combos.combo import Combo
from rightrig.planning.fleets.fleet import Fleet
from rightrig.planning.job import JobPlan
from rightrig.planning.planned import Plan
from rightrig.prediction.memory_fit import Fit
from rightrig.prediction.predict import Prediction
from rightrig.report.catalogue import rig_document, runtime_document
from rightrig.report.combo import combo_document
from rightrig.report.compare import compare_document, compare_lines
from rightrig.report.fit import fit_document
from rightrig.report.fleet import fleet_document
from rightrig.report.gpu import gpu_document
from rightrig.report.html import STYLE_SHEET, fragment
from rightrig.report.llm import model_document
from rightrig.report.plan import plan_document
from rightrig.report.plan_job import job_document
from rightrig.report.predict import predict_document
from rightrig.report.simulate import outcome_document
from rightrig.report.terminal import plain_text
from rightrig.simulation.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.report.document import Document


class Shell(Protocol):
    """What is used of an IPython shell."""

    display_formatter: Any


class _Printer(Protocol):
    """What is used of IPython's printer of plain text.

    Attributes:
        stack: The values that are being printed, the outermost first.
    """

    stack: list[int]

    def text(self, text: str) -> None:
        """Print a text."""


def _gpu_document(gpu: Gpu) -> Document:
    """Return a card; its prices are the catalogue's, which a card does not know."""
    return gpu_document(gpu, (), datetime.datetime.now(tz=datetime.UTC).date())


def _rig_document(rig: Rig) -> Document:
    """Return a rig as a comparison of one; ``combo`` says more of it."""
    return compare_document([rig], compare_lines([rig], ()))


DOCUMENTS: Final[dict[type, Callable[[Any], Document]]] = {
    Fit: lambda fit: fit_document(fit, ()),
    Prediction: predict_document,
    Outcome: outcome_document,
    Plan: plan_document,
    JobPlan: job_document,
    Fleet: fleet_document,
    Combo: combo_document,
    Rig: _rig_document,
    Gpu: _gpu_document,
    Llm: model_document,
    System: rig_document,
    Runtime: runtime_document,
}
"""The document of each type that a notebook shows."""


def register(ip: Shell | None = None) -> None:
    """Teach an IPython shell to show results.

    Args:
        ip: The shell; the running one if none is given.

    Raises:
        MissingError: Without the extra ``web``, or outside of IPython.
    """
    shell = _running() if ip is None else ip
    # Says at once what is missing; in a formatter the sentence would be lost in a traceback.
    fragment(())
    formatters = shell.display_formatter.formatters
    for kind, document_of in DOCUMENTS.items():
        formatters["text/html"].for_type(kind, _html_formatter(document_of))
        formatters["text/plain"].for_type(kind, _plain_formatter(document_of))


def load_ipython_extension(ip: Shell) -> None:
    """Register the formatters: IPython calls this for ``%load_ext``."""
    register(ip)


def unload_ipython_extension(ip: Shell) -> None:
    """Take the formatters away: IPython calls this for ``%unload_ext``."""
    for mime in ("text/html", "text/plain"):
        for kind in DOCUMENTS:
            ip.display_formatter.formatters[mime].pop(kind, None)


def _running() -> Shell:
    """Return the shell that runs."""
    try:
        from IPython import get_ipython  # noqa: PLC0415 - only a notebook has it
    except ModuleNotFoundError:
        found = None
    else:
        found = get_ipython()
    if found is None:
        raise MissingError(
            "results are shown in IPython, which is not running: start it, then "
            "'%load_ext rightrig.report.notebook'"
        )
    shell: Shell = found
    return shell


def _html_formatter(document_of: Callable[[Any], Document]) -> Callable[[object], str]:
    """Return a formatter to HTML; each output brings its style, for it may be copied alone."""

    def show(value: object) -> str:
        style = STYLE_SHEET.read_text(encoding="utf-8")
        return f"<style>{style}</style>\n{fragment(document_of(value), heading_level=3)}"

    return show


def _plain_formatter(
    document_of: Callable[[Any], Document],
) -> Callable[[object, _Printer, bool], None]:
    """Return a formatter to plain text; inside a list or a dict Python's own repr is shorter."""

    def show(value: object, printer: _Printer, cycle: bool) -> None:  # noqa: FBT001 - IPython's
        is_inside = cycle or len(printer.stack) > 1
        printer.text(repr(value) if is_inside else plain_text(document_of(value)).rstrip())

    return show
