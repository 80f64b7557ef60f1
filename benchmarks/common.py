"""What the benchmarks share: their options and their clock."""

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def parse_options(description: str, **defaults: Any) -> argparse.Namespace:
    """The options of a benchmark: one for each keyword, of its default's type. Without a default it is text."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        kind = str if default is None else type(default)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default, help="default: %(default)s")
    return parser.parse_args()


def measure(
    ways: Mapping[str, Callable[[], Any]], rounds: int = 1, clock: Callable[[], float] = time.perf_counter
) -> tuple[dict[str, float], list[Any]]:
    """The median seconds of each way, and what each gave last.

    The ways take turns, so a machine that slows down slows all of them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            began = clock()
            results[name] = way()
            seconds[name].append(clock() - began)
    return {name: float(np.median(times)) for name, times in seconds.items()}, list(results.values())
