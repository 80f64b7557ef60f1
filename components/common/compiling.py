"""How loops over arrays are compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable | None = None, **options: Any) -> Callable:
    """Compiles a loop when it is first called, and keeps the code on disk; `options` are those of `numba.njit`.

    numba keeps it beside the source, in ``NUMBA_CACHE_DIR`` or in the user's cache folder. Where none of them can be
    written (a container with a read-only root, say) every process compiles anew, which takes seconds. It looks for
    changes in the loop's own file alone: after a change in a file that others' loops call, clear their ``__pycache__``.
    """
    if function is None:
        return functools.partial(compiled, **options)
    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        return numba.njit(nogil=True, **options)(function)
