"""METEOR 1.5 by its authors' own program (Denkowski & Lavie, *Meteor Universal*, WMT 2014).

METEOR aligns words by stems, synonyms and a table of paraphrases, and its parameters were tuned with this program. So
it is run, not rewritten: a Java program that ships, with its English data, in the `pycocoevalcap` wheel. Without Java
or the wheel METEOR is *not measured*, with the reason; no other metric takes its name.
"""

import contextlib
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence

START_SECONDS = 180.0  # for Java to read the paraphrase table, about 20 s on a quiet machine
ANSWER_SECONDS = 60.0  # for one line
HEAP = "2G"

_SEPARATOR = " ||| "
_SEPARATOR_IN_TEXT = re.compile(r"\|{3,}")


class MeteorUnavailable(RuntimeError):
    """METEOR could not be measured; the message is the reason, for a report."""


def find_jar() -> pathlib.Path:
    """The program in the installed `pycocoevalcap` wheel, its English data beside it."""
    spec = importlib.util.find_spec("pycocoevalcap")
    if spec is None:
        raise MeteorUnavailable("the package pycocoevalcap, which METEOR 1.5 ships in, is not installed")
    folder = pathlib.Path(spec.submodule_search_locations[0]) / "meteor"
    for needed in (folder / "meteor-1.5.jar", folder / "data" / "paraphrase-en.gz"):
        if not needed.is_file():
            raise MeteorUnavailable(f"{needed.name} is missing from the installed pycocoevalcap; reinstall it")
    return folder / "meteor-1.5.jar"


class Meteor:
    """A running METEOR program, with up to 2 GB of memory; a context manager, which ends it.

    Args:
        java: the Java command, looked up on the PATH.
        jar: the program; that of `pycocoevalcap` by default.
        start_seconds, answer_seconds: how long the first answer and every other may take before the program is stopped.
    Raises:
        MeteorUnavailable: here and in every method: no Java or program, or it ended or gave no answer.
    """

    def __init__(
        self,
        *,
        java: str = "java",
        jar: pathlib.Path | None = None,
        start_seconds: float = START_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ):
        command = shutil.which(java)
        if command is None:
            raise MeteorUnavailable(f"no Java ('{java}' is not on the PATH)")
        jar = jar or find_jar()
        self._seconds = start_seconds
        self._answer_seconds = answer_seconds
        self._errors = tempfile.TemporaryFile()  # not a pipe, which would block the program once full
        options = ["-Dfile.encoding=UTF-8", f"-Xmx{HEAP}", "-jar", jar.name, "-", "-", "-stdio", "-l", "en", "-norm"]
        self._process = subprocess.Popen(
            [command, *options],
            cwd=jar.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            start_new_session=True,  # a `java` on the PATH may be a script: stopping it must stop what it started
        )

    def statistics(self, references: Sequence[str], caption: str) -> str:
        """What METEOR counts for a tokenised caption and its tokenised references, as the program writes it."""
        texts = [" ".join(_SEPARATOR_IN_TEXT.sub(" ", text).split()) for text in (*references, caption)]
        # The line ends in the caption even when that is empty; otherwise the last reference would be taken for it.
        return self._ask(_SEPARATOR.join(("SCORE", *texts)), answers=1)[0]

    def scores(self, statistics: Sequence[str]) -> tuple[list[float], float]:
        """METEOR of each caption, and of the corpus, from their statistics. The corpus' score is not the mean."""
        lines = self._ask(_SEPARATOR.join(("EVAL", *statistics)), answers=len(statistics) + 1)
        try:
            *each, corpus = map(float, lines)
        except ValueError as error:
            raise MeteorUnavailable(f"METEOR answered {lines[:3]!r} where scores were expected") from error
        return each, corpus

    def _ask(self, line: str, answers: int) -> list[str]:
        with self._watch() as late:
            try:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
                lines = [self._process.stdout.readline().strip() for _ in range(answers)]
            except BrokenPipeError:
                lines = [""]
        if late.is_set():
            raise MeteorUnavailable(f"METEOR gave no answer within {self._seconds:g} s and was stopped")
        if not all(lines):
            raise MeteorUnavailable(f"METEOR stopped{self._last_words()}")
        self._seconds = self._answer_seconds
        return lines

    @contextlib.contextmanager
    def _watch(self) -> Iterator[threading.Event]:
        """Kills the program when the block takes too long, which ends every read and write; sets the event if so."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._kill()

        timer = threading.Timer(self._seconds, stop)
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()

    def _last_words(self) -> str:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return " answering"
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return f" with exit code {code}" + (f": {said[0][:200]}" if said else "")

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        self._kill()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._errors.close()

    def __enter__(self) -> "Meteor":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class SharedMeteor:
    """One program for any number of evaluations; a context manager, which ends it."""

    def __init__(self, start: Callable[[], Meteor] = Meteor):
        self._start = start
        self._program: Meteor | None = None
        self._reason: MeteorUnavailable | None = None

    def begin(self) -> None:
        """Starts it, if nothing did: it reads its table of paraphrases while its user works on something else."""
        if self._program is None and self._reason is None:
            try:
                self._program = self._start()
            except MeteorUnavailable as reason:
                self._reason = reason

    @contextlib.contextmanager
    def open(self) -> Iterator[Meteor]:
        """The program, for one evaluation: a `start_meteor` of `evaluate_captions`, whose errors it has."""
        self.begin()
        if self._program is None:
            raise MeteorUnavailable(str(self._reason))
        yield self._program

    def __enter__(self) -> "SharedMeteor":
        return self

    def __exit__(self, *_: object) -> None:
        if self._program is not None:
            self._program.close()
