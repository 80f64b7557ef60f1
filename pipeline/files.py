"""Small files that others may be reading, on this machine's disk; TensorFlow is not needed for that."""

from __future__ import annotations

import os


def replace_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text aside, to the disk, and renames it: a reader sees the old text or the new one."""
    aside = f"{os.fspath(path)}.partial-{os.getpid()}"
    with open(aside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
