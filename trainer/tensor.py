"""The type of tensors in signatures."""

from typing import Any, TypeAlias

# Keras brings no types, and a tensor is another class in each of its backends. Shapes stand in the docstrings.
Tensor: TypeAlias = Any
