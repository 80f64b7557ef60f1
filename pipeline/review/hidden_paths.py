"""Messages for people who need not know where things are on this machine."""

from __future__ import annotations

import os
import re


def hide_paths(text: str, root: str) -> str:
    """A message without the paths of a run's root."""
    for place in sorted({root, os.path.abspath(root)}, key=len, reverse=True):
        text = text.replace(f" on root {place!r}", "")
        below = r"(?:/[^\s,;:'\"]*)?" if os.path.isabs(place) else r"/[^\s,;:'\"]+"  # "." and "runs" are words, too
        text = re.sub(r"(?<![\w./])" + re.escape(place.rstrip("/")) + below, "the run's folder", text)
    return text
