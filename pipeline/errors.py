"""What went wrong, in one sentence with what to do: for the command line, and for the jobs of the review page."""

import errno
import os
import re
import socket

_REMEDIES = {
    errno.EADDRINUSE: ("The port is in use", "Stop the program that listens there, or choose another port"),
    errno.EADDRNOTAVAIL: ("This machine has no such address to listen on", "Take 127.0.0.1, or one of its own"),
    errno.ENOSPC: ("The disk is full", "Free some space, or name a folder on another disk, and start it again"),
    errno.EDQUOT: ("Your share of the disk is used up", "Free some space, or name a folder on another disk"),
    errno.EROFS: ("The folder can only be read", "Name a folder that can be written to"),
    errno.EACCES: ("There is no permission", "Ask for it (chmod, chown), or name another file, folder or port"),
    errno.EPERM: ("There is no permission", "Ask for it (chmod, chown), or name another file, folder or port"),
    errno.ENOENT: ("There is no such file or folder", "Check the path"),
    errno.ENOTDIR: ("A file is where a folder was expected", "Check the path"),
    errno.EISDIR: ("A folder is where a file was expected", "Check the path"),
    errno.EEXIST: ("A file of that name is there already", "Remove it, or choose another name"),
    errno.ENAMETOOLONG: ("A file name is too long", "Choose a shorter one"),
    errno.ECONNREFUSED: ("Nothing answers at the address", "Start the server there, or check the address"),
    errno.ECONNRESET: ("The other side closed the connection", "Look whether it still runs, and try again"),
    errno.EPIPE: ("The other side closed the connection", "Look whether it still runs, and try again"),
    errno.ETIMEDOUT: ("The other machine does not answer", "Check the address and the network"),
    errno.EHOSTUNREACH: ("The other machine cannot be reached", "Check the address and the network"),
    errno.ENETUNREACH: ("The network cannot be reached", "Check the address and the network"),
    errno.EMFILE: ("Too many files are open", "Allow more of them: ulimit -n 4096"),
    errno.ENOMEM: ("The memory is full", "End other programs, or take less at once (smaller batches, fewer workers)"),
}
# How libraries that have no errno say the same: SQLite, gRPC, TensorFlow.
_PHRASES = {
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
    "unable to open database file": errno.EACCES,
    "failed to connect to all addresses": errno.ECONNREFUSED,
    **{os.strerror(number).lower(): number for number in _REMEDIES},
}
_STEP = re.compile(r" \[while running '[^\n]*")  # what Beam puts behind the message of an error
_OURS = re.compile(r"\btopiclens(?:\.\w+)+: (.+?)(?= \[while running|\n\s*\n|\Z)", re.DOTALL)


def explain_error(error: BaseException) -> str | None:
    """What an error says to a person, wherever in the chain of its causes the reason is.

    Errors of this package speak for themselves, also where Beam or TFX hold them as text. Errors of the system come
    with what to do.

    Returns:
        None for an error that nobody expected: see `explain_fault`.
    """
    seen: BaseException | None = error
    while seen is not None:
        if (said := _explained(seen)) is not None:
            return said
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return None


def explain_fault(error: BaseException) -> str:
    """`explain_error`, or for an error that nobody expected, that it is a fault of TopicLens."""
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return explain_error(error) or f"This is a fault of TopicLens ({type(error).__name__}: {_STEP.sub('', first)})."


def _explained(error: BaseException) -> str | None:
    text = str(error)
    if type(error).__module__.partition(".")[0] == "topiclens":
        return _STEP.sub("", text)
    if isinstance(error, socket.gaierror):
        return "There is no machine of that name. Check the address."
    if isinstance(error, OSError):
        if error.errno is None:  # raised on purpose, in words
            return text
        what, remedy = _REMEDIES.get(error.errno, (f"The system refused ({error.strerror})", "Check file and folder"))
        return _sentence(what, remedy, error.filename)
    if isinstance(error, MemoryError):
        return _sentence(*_REMEDIES[errno.ENOMEM])
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:
        return _sentence("A name is not valid UTF-8", "Rename the file or folder", error.object)
    if isinstance(error, UnicodeDecodeError):
        return "A file is not UTF-8 text. Convert it, or check that it is the right one."
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("topiclens"):
        return f"The package {error.name!r} is not installed. Install all that is needed: pip install 'topiclens[all]'."
    if "getpwuid()" in text:
        return "Your user id has no name on this machine. Say who you are by --name, --author or --by."
    ours = _OURS.findall(text)
    if ours:
        return ours[-1].strip()
    number = next((number for phrase, number in _PHRASES.items() if phrase in text.lower()), None)
    if number is None:
        return None
    named = re.search(re.escape(os.strerror(number)) + r": '([^'\n]+)'", text)
    return _sentence(*_REMEDIES[number], named and named[1])


def _sentence(what: str, remedy: str, name: object = None) -> str:
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    return f"{what}{'' if name is None else f': {name!r}'}. {remedy}."
