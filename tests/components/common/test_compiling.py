"""Compiled loops, and what happens where compiled code cannot be kept."""

import numba
import pytest

from topiclens.components.common.compiling import compiled


def test_loops_compile_where_no_folder_can_keep_them(monkeypatch):
    caching = pytest.importorskip("numba.core.caching")
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert compiled(_double)(21) == 42


def test_other_failures_of_the_compiler_are_not_hidden(monkeypatch):
    def broken(**options):
        raise RuntimeError("LLVM is missing")

    monkeypatch.setattr(numba, "njit", broken)
    with pytest.raises(RuntimeError, match="LLVM is missing"):
        compiled(_double)


def _double(x):
    return 2 * x
