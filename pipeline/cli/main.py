"""The ``topiclens`` command: finds the commands in `commands/`, runs one, and tells what went wrong in a sentence.

A command is a file in `commands/` that is named after it and holds its purpose as docstring, `EXAMPLE`,
`add_arguments(parser)` and `run(options)`, which returns the exit status; and `RESUMES = True` where a stopped command
goes on when it is given again. It imports what it needs within `run`: its help costs neither NumPy nor TensorFlow.
"""

import argparse
import difflib
import importlib
import logging
import os
import pkgutil
import re
import select
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any, NoReturn

import topiclens
from topiclens.pipeline.cli import commands, output
from topiclens.pipeline.errors import explain_error, explain_fault


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0 done, 1 a fault that the message explains, 2 wrong usage."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, message="pkg_resources is deprecated")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its warnings are of how our code traces graphs
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what could come next
        import argcomplete

        argcomplete.autocomplete(parser)
    options = parser.parse_args(arguments)
    output.set_quiet(options.quiet)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name that is not UTF-8 must not stop its own message
            stream.reconfigure(errors="backslashreplace")
    try:
        status = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        goes_on = " The same command goes on from here." if options.resumes else ""
        print(f"\nStopped.{goes_on}", file=sys.stderr)
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and error.filename is None and _reader_is_gone():
            return 1
        if options.traceback:
            traceback.print_exc()
        said = explain_fault(error)
        if not (explain_error(error) or options.traceback):
            said += " Give the same command with --traceback to see where it happened, and report that."
        print(f"\ntopiclens: {said}", file=sys.stderr)
        return 1


def make_parser() -> argparse.ArgumentParser:
    """What may be typed; `run` of the result is what to call with it."""
    parser = _Parser(
        prog="topiclens",
        description="Video captioning whose neurons have names.",
        epilog="Begin with:\n  topiclens run --preset sample --root runs/sample\n"
        "Help on a command, with an example:\n  topiclens run --help",
    )
    parser.add_argument("--version", action="version", version=f"topiclens {topiclens.__version__}")
    parser.set_defaults(quiet=False, traceback=False)
    _add_common(parser)
    choices = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in find_commands():
        name, purpose = command.__name__.rpartition(".")[2], command.__doc__ or ""
        brief = purpose[:1].lower() + purpose[1:].rstrip(".")
        sub = choices.add_parser(name, help=brief, description=purpose, epilog=f"Example:\n  {command.EXAMPLE}")
        command.add_arguments(sub)
        _add_common(sub)
        sub.set_defaults(run=command.run, resumes=getattr(command, "RESUMES", False))
    return parser


def find_commands() -> Iterator[ModuleType]:
    """Every command, by name."""
    for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda module: module.name):
        yield importlib.import_module(f"{commands.__name__}.{module.name}")


def _add_common(parser: argparse.ArgumentParser) -> None:
    """What every command takes, before or after its name."""
    group = parser.add_argument_group("messages")
    given: dict[str, Any] = {"action": "store_true", "default": argparse.SUPPRESS}
    group.add_argument("--quiet", "-q", help="print results and errors alone", **given)
    group.add_argument("--traceback", help="show where an error came from", **given)


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence, with the name that was probably meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            option = unknown[0].partition("=")[0]
            self.error(f"there is no option {option!r}." + _meant(option, self._option_string_actions))
        return known, unknown

    def error(self, message: str) -> NoReturn:
        wrong = re.fullmatch(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL)
        if wrong:
            what, given, expected = wrong.groups()
            choices = re.findall(r"'([^']*)'", expected)
            message = f"there is no {what} {given!r}." + (_meant(given, choices) or f" Expected {', '.join(choices)}.")
        self.exit(2, f"{self.prog}: {message}\nSee '{self.prog} --help'.\n")


def _meant(word: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(names), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _reader_is_gone() -> bool:
    """Whether whoever reads standard output has left, as `| head` does; what is left to write goes nowhere then."""
    poll = select.poll()
    try:
        poll.register(sys.stdout, 0)
    except (OSError, ValueError):  # it is no file
        return False
    gone = any(event & select.POLLERR for _, event in poll.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return gone


if __name__ == "__main__":
    sys.exit(main())
