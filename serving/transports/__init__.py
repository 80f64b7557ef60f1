"""The two ways to TensorFlow Serving: gRPC and REST. Each turns a call into NumPy arrays or a ``TransportError``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from topiclens.serving.signatures import ModelMetadata, VersionStatus


class TransportError(Exception):
    """What the other side (or the network) answered: ``code`` is a gRPC status name, ``message`` its own words."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True)
class ModelSpec:
    """Which model is asked for: ``version`` is a number or a label, None the newest."""

    name: str
    version: int | str | None = None


class Transport(Protocol):
    """One connection to a model server. Every ``timeout`` is in seconds, every failure a ``TransportError``."""

    address: str

    def predict(
        self, model: ModelSpec, signature: str, inputs: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature, by name."""

    def status(self, model: ModelSpec, timeout: float) -> list[VersionStatus]:
        """The state of each version (of the one asked for), newest first."""

    def metadata(self, model: ModelSpec, timeout: float) -> ModelMetadata:
        """The version that answers, and its signatures."""

    def close(self) -> None:
        """Ends the connection."""
