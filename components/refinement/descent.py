"""How a function of many parameters is minimised where all of its data fit in one batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

OnStep = Callable[[int, float], None]  # a step's number and the value
# A point to the value there and its gradient; nothing in it is random.
Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]

_REMEMBERED = 5  # steps that L-BFGS learns the curvature from; each takes 8 bytes of memory a parameter
_LOWER, _STEEP = 1e-4, 0.9  # Wolfe's conditions: the share of the slope that is gained, and that may be left
_TRIES = 40  # points along a direction
_NOTHING = 1e-7  # of the value: what float32 can tell


def minimise(
    objective: Objective, start: np.ndarray, *, steps: int, on_step: OnStep | None = None
) -> tuple[np.ndarray, tuple[float, ...]]:
    """Goes from a point to where the objective is small: L-BFGS (Liu and Nocedal 1989), with the line search of Lewis
    and Overton 2013 (algorithm 2.6: weak Wolfe conditions).

    The line search finds the length of every step, however large the features are. All is in float32, as the gradients
    are: with millions of parameters, copies are what takes time. It stops early where a step gains nothing that float32
    can tell.

    Args:
        start: (parameters,) float32.
        on_step: called after each step with its number, from 1, and the value.
    Returns:
        The point, and the values before the first step and after each.
    Raises:
        ValueError: there is no step, or the value is no number.
    """
    if steps < 1:
        raise ValueError(f"The optimiser was given {steps} steps; expected 1 or more.")
    losses: list[float] = []

    def reached(loss: float) -> None:
        if not np.isfinite(loss):
            raise ValueError(
                f"The loss is {loss} after {len(losses)} steps; expected a number. Look for NaN in the frames."
            )
        losses.append(loss)
        if on_step is not None and len(losses) > 1:
            on_step(len(losses) - 1, loss)

    theta = start
    value, gradient = objective(theta)
    reached(value)
    remembered: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=_REMEMBERED)
    for _ in range(steps):
        direction = -_curved(gradient, remembered)
        slope = float(direction @ gradient)
        if not slope < 0:
            break
        length = 1.0 if remembered else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
        found = _line_search(objective, theta, value, direction, slope, length)
        if found is None:  # float32 tells no point in this direction that is better
            break
        new_theta, new_value, new_gradient = found
        step, bend = new_theta - theta, new_gradient - gradient
        if (product := float(step @ bend)) > 0:
            remembered.append((step, bend, product))
        gained, theta, value, gradient = value - new_value, new_theta, new_value, new_gradient
        reached(value)
        if gained <= _NOTHING * value:
            break
    return theta, tuple(losses)


def _line_search(
    objective: Objective, theta: np.ndarray, value: float, direction: np.ndarray, slope: float, length: float
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """The first point found along a direction that is lower enough and less steep: (point, value, gradient) or None."""
    shortest, longest, lower = 0.0, np.inf, None
    for _ in range(_TRIES):
        point = theta + np.float32(length) * direction
        there, gradient = objective(point)
        if not there <= value + _LOWER * length * slope:  # NaN is not lower
            longest = length
        elif float(gradient @ direction) < _STEEP * slope:
            shortest, lower = length, (point, there, gradient)
        else:
            return point, there, gradient
        length = 2 * shortest if longest == np.inf else (shortest + longest) / 2
    return lower


def _curved(gradient: np.ndarray, remembered: Sequence[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """The gradient times the inverse curvature that the remembered steps show (Nocedal and Wright, alg. 7.4)."""
    result, shares = gradient.copy(), []
    for step, bend, product in reversed(remembered):
        shares.append(float(step @ result) / product)
        result -= np.float32(shares[-1]) * bend
    if remembered:
        _, bend, product = remembered[-1]
        result *= np.float32(product / float(bend @ bend))
    for (step, bend, product), share in zip(remembered, reversed(shares)):
        result += np.float32(share - float(bend @ result) / product) * step
    return result
