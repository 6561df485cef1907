"""A worker: a process that answers questions one at a time, confined to the files sent with them.

It hears questions through a pipe and tells how far it is, then what it found. It reads its pipe
only between two questions; whoever wants an answer no more ends the process.
"""

from __future__ import annotations

import gc
import json
import shutil
import signal
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from rightrig.errors import InputError, MissingError, RightrigError
from rightrig.facts.reach import confined_to
from rightrig.verbs.progress import watched_by
from rightrig.verbs.table import VERBS
from rightrig.verbs.told import whole_document, whole_json
from rightrig.web import rig_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from multiprocessing.connection import Connection
    from pathlib import Path

    from rightrig.facts.catalog import Catalog
    from rightrig.verbs.found import Found
    from rightrig.verbs.progress import Frame, Line, Share, Tasks

Form = Literal["json", "html", "markdown", "text"]
"""JSON; a fragment of HTML; Markdown; a file to print as it is, of a verb that makes one."""
MOST_ANSWER_BYTES: Final = 32 * 2**20
_EVERY_S: Final = 0.1
"""Between two reports of progress."""
_MODELS: Final = ".models"
"""Where configurations lie: no file that is sent has a name with a leading dot."""
ANSWERS: Final = {
    **{verb.words: verb.answer for verb in VERBS},
    rig_parts.WORDS: rig_parts.rig_page,
}
"""The verbs, and what pages need of a worker beside them."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a worker is asked.

    Attributes:
        words: The verb's.
        given: Its words by name; a file is ``{"name", "text"}``, a model may be ``{"config"}``.
        form: Of the answer.
        page: With JSON that holds one list: the first row wanted, and how many.
    """

    words: tuple[str, ...]
    given: Mapping[str, object]
    form: Form = "json"
    page: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an answer is.

    Attributes:
        share_ratio: Of the work that is done, 0 to 1; ``None`` where nobody knows.
        text: What is done now.
    """

    share_ratio: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """An answer.

    Attributes:
        body: In the form that was asked for, UTF-8.
        yes: Whether the answer is yes.
        total_count: With a page of a list: rows of the whole list.
    """

    body: bytes
    yes: bool
    total_count: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no answer.

    Attributes:
        kind: Wrong input; something that this machine lacks; more than is allowed; a defect.
        message: One sentence.
    """

    kind: Literal["input", "missing", "large", "defect"]
    message: str


@dataclass(slots=True)
class _Teller:
    """A watcher that tells a pipe (:class:`rightrig.verbs.progress.Watcher`)."""

    tell: Callable[[Progress], None]
    told_s: float = field(default=-_EVERY_S)

    def _tell_now_and_then(self, share_ratio: float, text: str) -> None:
        now_s = time.monotonic()
        if now_s - self.told_s >= _EVERY_S:
            self.told_s = now_s
            self.tell(Progress(min(share_ratio, 1.0), text))

    def compiling(self) -> None:
        """Say that the simulator comes next, which the first time compiles."""
        self.tell(Progress(None, "preparing the simulator"))

    @contextmanager
    def shares(self, doing: str = "simulating") -> Iterator[Share | None]:
        """Yield what tells shares of one piece of work."""
        yield lambda share_ratio: self._tell_now_and_then(share_ratio, doing)

    @contextmanager
    def tasks(self, tasks_count: int) -> Iterator[Tasks]:
        """Yield what tells finished tasks of many."""

        def told(done_count: int, reused_count: int) -> None:
            del reused_count
            self._tell_now_and_then(
                done_count / max(tasks_count, 1), f"{done_count:,} of {tasks_count:,} tasks"
            )

        yield told

    def line(self) -> AbstractContextManager[Line | None]:
        """Return nothing: no question of a page measures a server."""
        return nullcontext()

    def frames(self) -> AbstractContextManager[Frame | None]:
        """Return nothing: a page gets one answer."""
        return nullcontext()


def work(pipe: Connection, catalog: Catalog, folder: Path, most_memory_bytes: int) -> None:
    """Answer questions until the pipe closes (the main function of a worker's process)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends its workers itself
    _limit_memory(most_memory_bytes)
    gc.freeze()
    try:
        while True:
            question = pipe.recv()
            pipe.send(answered(catalog, question, folder, pipe.send))
    except (EOFError, OSError):
        return


def _limit_memory(most_bytes: int) -> None:
    """Let a question that takes too much memory fail instead of the machine."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    # macOS knows the limit and refuses to set it.
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))


def answered(
    catalog: Catalog, question: Question, folder: Path, tell: Callable[[Progress], None]
) -> Done | Failed:
    """Return the answer to a question, or why there is none.

    Args:
        catalog: Whose records answer.
        question: The verb and its words.
        folder: Where the files of the question lie meanwhile; what else a word names is not read.
        tell: Hears how far the answer is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with confined_to(folder), watched_by(_Teller(tell)):
            found = ANSWERS[question.words](catalog, **_written(question.given, folder))
            done = _formed(found, question)
    except MissingError as error:
        return Failed("missing", str(error))
    except RightrigError as error:
        return Failed("input", _without(str(error), folder))
    except MemoryError:
        return Failed("large", "the answer takes more memory than one request may: ask for less")
    except Exception as error:  # noqa: BLE001 - a defect must not end the worker, and is told
        return Failed("defect", _without(_defect(error), folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if len(done.body) > MOST_ANSWER_BYTES:
        most = MOST_ANSWER_BYTES // 2**20
        return Failed("large", f"the answer is larger than {most} MiB: ask for less")
    return done


def _defect(error: Exception) -> str:
    """Return which kind of error met nobody who expected it, and where."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" in {place.tb_frame.f_code.co_qualname}:{place.tb_lineno}"
    return f"{type(error).__name__}{where}"


def _without(message: str, folder: Path) -> str:
    """Return a message without the folder that a file was written into."""
    for known in dict.fromkeys((str(folder), str(folder.resolve()))):
        for prefix in (f"{known}/{_MODELS}/", f"{known}/", known):
            message = message.replace(prefix, "")
    return message


def _written(given: Mapping[str, object], folder: Path) -> dict[str, Any]:
    """Return the words of a verb, the files among them written and replaced by their paths."""
    words = dict(given)
    for name, value in given.items():
        if not isinstance(value, dict):
            continue
        if "config" in value:
            path = folder / _MODELS / "uploaded" / "config.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(value["config"], ensure_ascii=False)
        else:
            path, text = folder / str(value["name"]), str(value["text"])
        path.write_bytes(_encoded(text, name))
        words[name] = str(path)
    return words


def _encoded(text: str, name: str) -> bytes:
    """Return the bytes of a text; JSON can hold halves of characters, which no file does."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{name} holds half of a character (a lone surrogate): send text"
        ) from None


def _formed(found: Found[Mapping[str, object]], question: Question) -> Done:
    """Return what was found in the form asked for."""
    if question.form == "json":
        whole = whole_json(found)
        total_count = None if question.page is None else _cut(whole, *question.page)
        return Done(_dumped(whole), found.yes, total_count)
    if question.form == "text":
        if found.text is None:
            raise InputError("this answer is no file: ask for it as JSON")
        return Done(found.text().encode(), found.yes)
    if question.form == "html":
        from rightrig.report.html import fragment  # noqa: PLC0415 - templates only for pages

        return Done(fragment(whole_document(found)).encode(), found.yes)
    from rightrig.report.markdown import markdown  # noqa: PLC0415 - the same

    return Done(markdown(whole_document(found)).encode(), found.yes)


def _dumped(whole: Mapping[str, object]) -> bytes:
    """Return JSON; what no JSON number is would break whoever reads it."""
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _cut(whole: dict[str, object], first: int, count: int) -> int:
    """Leave some rows of the list that an answer holds, and return how many there were."""
    name, rows = next((n, v) for n, v in whole.items() if isinstance(v, list))
    whole[name] = rows[first : first + count]
    return len(rows)
