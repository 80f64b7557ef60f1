"""Activations by name, and how they are changed while a captioner runs (in the manner of TransformerLens' hooks)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

# Every activation that can be recorded and changed, in the order in which they are computed. `steps` are the words of a
# caption, its first word being step 0.
ACTIVATIONS = (
    "encoder.v",  # (videos, time, neurons), what the neurons do at each frame
    "encoder.mean",  # (videos, neurons), the mean of v over the real frames
    "topics.hidden",  # (videos, topic_units), the hidden layer of f (eq. 8)
    "topics.scores",  # (videos, n_topics), f(mean v)
    "decoder.initial_h",  # (videos, decoder_units), h_0 (eq. 5)
    "decoder.initial_c",  # (videos, decoder_units), c_0
    "decoder.alpha",  # (videos, steps, time), the attention (eq. 4)
    "decoder.context",  # (videos, steps, memory_dim), the frames averaged by it (eq. 3)
    "decoder.h",  # (videos, steps, decoder_units), h_t
    "decoder.c",  # (videos, steps, decoder_units), c_t
    "decoder.logits",  # (videos, steps, vocabulary_size), the next word's scores before softmax (eq. 6)
)
_STEPPED = ACTIVATIONS[6:]  # computed anew for each word


@dataclasses.dataclass(frozen=True, eq=False)
class Edit:
    """One change of one activation. Several of one activation are made in their order.

    ``Edit("encoder.v", scale=keep)`` takes neurons out where ``keep`` is 0, ``Edit("encoder.v", add=added)`` enhances
    them. Numbers broadcast as in NumPy against the shape in ``ACTIVATIONS``: (videos, 1, neurons) changes neurons at
    every frame, (1, time, 1) frames in all neurons of all videos. Padded frames of v stay zero.

    Args:
        scale, add, set: exactly one of them: a factor, a summand, or what replaces the activation.
        at: bool, broadcast likewise: where the change is made; None is everywhere.
    Raises:
        ValueError: there is no such activation, or not exactly one change.
    """

    name: str
    scale: Any = None
    add: Any = None
    set: Any = None
    at: Any = None

    def __post_init__(self) -> None:
        check_names([self.name])
        if sum(value is not None for value in (self.scale, self.add, self.set)) != 1:
            raise ValueError(f"An edit of {self.name} has to say one of scale, add and set, and only one.")

    def apply(self, values: Any, step: Any = None) -> Any:
        """The activation with this change; at one step, ``values`` is (videos, queries, width) and all get the same."""
        scale, add, new, at = (self._now(value, values, step) for value in (self.scale, self.add, self.set, self.at))
        if scale is not None:
            changed = values * ops.cast(scale, values.dtype)
        elif add is not None:
            changed = values + ops.cast(add, values.dtype)
        else:
            changed = ops.cast(new, values.dtype) + ops.zeros_like(values)
        changed = changed if at is None else ops.where(at, changed, values)
        return ops.reshape(changed, ops.shape(values))  # what is broadcast may hide its shape

    def _now(self, value: Any, values: Any, step: Any) -> Any:
        """A change's numbers for these values; at one step (videos, 1, width), that step's row."""
        if value is None:
            return None
        value = value if ops.is_tensor(value) else np.asarray(value)
        if step is not None and len(value.shape) == 3 and value.shape[1] != 1:
            value = ops.take(value, step, axis=1)[:, None]
        sizes = list(zip(value.shape[::-1], values.shape[::-1]))
        if len(value.shape) > len(values.shape) or any(a not in (1, b) for a, b in sizes if a and b):
            raise ValueError(
                f"An edit of {self.name} has the shape {tuple(value.shape)}; expected one that broadcasts to "
                f"{tuple(values.shape)}."
            )
        return value


def edited(name: str, values: Any, edits: Sequence[Edit], step: Any = None) -> Any:
    """An activation after all edits of it; ``step`` is that of a decoder's activation that is computed now."""
    for edit in edits:
        if edit.name == name:
            values = edit.apply(values, step)
    return values


def check_names(names: Sequence[str]) -> None:
    """ValueError for a name that no activation has; it lists those that there are."""
    if unknown := [name for name in names if name not in ACTIVATIONS]:
        raise ValueError(f"There is no activation {unknown[0]!r}; there are {', '.join(ACTIVATIONS)}.")


def check_steps(edits: Sequence[Edit], steps: int | None) -> None:
    """ValueError for an edit of the decoder whose number of steps is not that of the captions; None is not known."""
    for edit in edits:
        for value in (edit.scale, edit.add, edit.set, edit.at):
            shape: Any = getattr(value, "shape", ())
            if edit.name in _STEPPED and len(shape) == 3 and shape[1] not in (1, steps, None) and steps is not None:
                raise ValueError(f"An edit of {edit.name} is for {shape[1]} steps; expected 1 or {steps}.")
