"""How a function of a model's variables is minimised where all of its data fit in one batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

# The first is the default. Its line search finds the length of every step, however large the features are, and its
# steps stay among the directions that the gradients gave. Adam's first steps are equally long in every parameter, also
# where it hardly matters: for the same change of other videos it comes less near to what is asked.
OPTIMIZERS = ("l-bfgs", "adam")
OnStep = Callable[[int, float], None]

_REMEMBERED = 5  # steps that L-BFGS learns the curvature from; each takes 8 bytes of memory a parameter
_LOWER, _STEEP = 1e-4, 0.9  # Wolfe's conditions: the share of the slope that is gained, and that may be left
_TRIES = 40  # points along a direction
_NOTHING = 1e-7  # of the value: what float32 can tell


def minimised(
    objective, *, optimizer: str, steps: int, learning_rate: float, on_step: OnStep | None = None
) -> tuple[float, ...]:
    """Moves the variables `objective.parameters` to where the objective is small.

    Args:
        objective: its call gives the value and the gradients in the order of `parameters`; nothing in it is random.
        optimizer: one of `OPTIMIZERS`. `l-bfgs` stops early where a step gains nothing that float32 can tell.
        steps: at most.
        learning_rate: of `adam`.
        on_step: called after each step with its number, from 1, and the value.
    Returns:
        The values before the first step and after each.
    Raises:
        ValueError: there is no such optimiser or no step, or the value is no number.
    """
    if optimizer not in OPTIMIZERS or steps < 1:
        raise ValueError(
            f"Optimiser {optimizer!r} with {steps} steps; expected one of {', '.join(OPTIMIZERS)} and 1 step or more."
        )
    losses: list[float] = []

    def reached(loss: float) -> None:
        if not np.isfinite(loss):
            raise ValueError(
                f"The loss is {loss} after {len(losses)} steps; expected a number. Look for NaN in the frames, or "
                "lower the learning rate."
            )
        losses.append(loss)
        if on_step is not None and len(losses) > 1:
            on_step(len(losses) - 1, loss)

    if optimizer == "adam":
        _adam(objective, steps, learning_rate, reached)
    else:
        _lbfgs(objective, steps, reached)
    return tuple(losses)


def _adam(objective, steps: int, learning_rate: float, reached: Callable[[float], None]) -> None:
    import keras
    from keras import ops

    adam = keras.optimizers.Adam(learning_rate)
    value, gradients = objective()
    reached(float(value))
    for _ in range(steps):
        adam.apply([ops.convert_to_tensor(gradient) for gradient in gradients], objective.parameters)
        value, gradients = objective()
        reached(float(value))


def _lbfgs(objective, steps: int, reached: Callable[[float], None]) -> None:
    """Liu and Nocedal 1989, with the line search of Lewis and Overton 2013 (algorithm 2.6: weak Wolfe conditions).

    In float32, as the gradients are: of millions of parameters, copies are what takes time.
    """
    parameters = objective.parameters
    ends = np.cumsum([np.prod(parameter.shape) for parameter in parameters])

    def assign(theta: np.ndarray) -> None:
        for parameter, values in zip(parameters, np.split(theta, ends[:-1]), strict=True):
            parameter.assign(values.reshape(parameter.shape))

    def at(theta: np.ndarray) -> tuple[float, np.ndarray]:
        assign(theta)
        value, gradients = objective()
        return float(value), _flat(gradients)

    theta = _flat(parameters)
    value, gradient = at(theta)
    reached(value)
    remembered: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=_REMEMBERED)
    for _ in range(steps):
        direction = -_curved(gradient, remembered)
        slope = float(direction @ gradient)
        if not slope < 0:
            break
        length = 1.0 if remembered else min(1.0, 1.0 / float(np.linalg.norm(gradient)))
        found = _line_search(at, theta, value, direction, slope, length)
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
    assign(theta)


def _line_search(at, theta: np.ndarray, value: float, direction: np.ndarray, slope: float, length: float):
    """The first point found along a direction that is lower enough and less steep: (point, value, gradient) or None."""
    shortest, longest, lower = 0.0, np.inf, None
    for _ in range(_TRIES):
        point = theta + np.float32(length) * direction
        there, gradient = at(point)
        if not there <= value + _LOWER * length * slope:  # NaN is not lower
            longest = length
        elif float(gradient @ direction) < _STEEP * slope:
            shortest, lower = length, (point, there, gradient)
        else:
            return point, there, gradient
        length = 2 * shortest if longest == np.inf else (shortest + longest) / 2
    return lower


def _curved(gradient: np.ndarray, remembered) -> np.ndarray:
    """The gradient times the inverse curvature that the remembered steps tell of (Nocedal and Wright, alg. 7.4)."""
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


def _flat(values) -> np.ndarray:
    return np.concatenate([np.ravel(np.array(value, np.float32)) for value in values])
