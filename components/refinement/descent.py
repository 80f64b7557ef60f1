"""How a function of a model's variables is minimised where all of its data fit in one batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# The first is the default. Its line search finds the length of every step, however large the features are, and its
# steps stay among the directions that the gradients gave. Adam's first steps are equally long in every parameter, also
# where it hardly matters: for the same change of other videos it comes less near to what is asked.
OPTIMIZERS = ("l-bfgs", "adam")
Progress = Callable[[int, float], None]

_REMEMBERED = 5  # steps that L-BFGS learns the curvature from; each takes 16 bytes of memory a parameter


def minimised(
    objective, *, optimizer: str, steps: int, learning_rate: float, progress: Progress | None = None
) -> tuple[float, ...]:
    """Moves the variables `objective.parameters` to where the objective is small.

    Args:
        objective: its call gives the value and the gradients in the order of `parameters`; nothing in it is random.
        optimizer: one of `OPTIMIZERS`. `l-bfgs` stops early where a step gains nothing that float32 can tell.
        steps: at most.
        learning_rate: of `adam`.
        progress: called after each step with its number, from 1, and the value.
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
        if progress is not None and len(losses) > 1:
            progress(len(losses) - 1, loss)

    if optimizer == "adam":
        _adam(objective, steps, learning_rate, reached)
    else:
        _lbfgs(objective, steps, reached)
    return tuple(losses)


def _adam(objective, steps: int, learning_rate: float, reached: Callable[[float], None]) -> None:
    import keras

    adam = keras.optimizers.Adam(learning_rate)
    value, gradients = objective()
    reached(float(value))
    for _ in range(steps):
        adam.apply(gradients, objective.parameters)
        value, gradients = objective()
        reached(float(value))


def _lbfgs(objective, steps: int, reached: Callable[[float], None]) -> None:
    """Liu and Nocedal 1989, as SciPy has it."""
    from scipy.optimize import minimize

    parameters = objective.parameters
    ends = np.cumsum([np.prod(parameter.shape) for parameter in parameters])

    def flat(values) -> np.ndarray:
        return np.concatenate([np.ravel(np.array(value)) for value in values]).astype(np.float64)

    def assign(theta: np.ndarray) -> None:
        for parameter, values in zip(parameters, np.split(theta, ends[:-1]), strict=True):
            parameter.assign(values.reshape(parameter.shape).astype(np.float32))

    def value_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
        assign(theta)
        value, gradients = objective()
        return float(value), flat(gradients)

    start = flat(parameters)
    reached(float(objective()[0]))
    result = minimize(
        value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=lambda intermediate_result: reached(float(intermediate_result.fun)),
        options={"maxiter": steps, "maxfun": 10 * steps, "maxcor": _REMEMBERED, "ftol": 1e-9, "gtol": 0.0},
    )
    assign(result.x)
