"""The captioner in this process: the same calls as serving/client.py, with no server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from topiclens.serving.captioning import Captioning
from topiclens.serving.errors import ModelNotLoaded, explain_refusal
from topiclens.serving.saved_model import SavedModel, describe_error, resolve_version
from topiclens.serving.signatures import Signature


class LocalCaptioner(Captioning):
    """Captions clips with an exported model, in this process.

    Only TensorFlow's runtime is imported, and no Keras model is rebuilt, so the first caption comes in seconds.

    Args:
        directory: as `resolve_version` takes it.
        threads: TensorFlow's threads; 0 leaves it to TensorFlow.
        options: see ``Captioning``.
    Raises:
        ModelNotLoaded: nothing that loads is there.
    """

    def __init__(self, directory: str | os.PathLike[str], *, threads: int = 0, **options: Any):
        super().__init__(**options)
        import tensorflow as tf

        try:
            self.directory = resolve_version(directory)
            self._model = SavedModel(self.directory, threads=threads)
        except FileNotFoundError as error:
            raise ModelNotLoaded(str(error)) from error
        except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
            raise ModelNotLoaded(
                f"Expected a SavedModel that loads at '{directory}', but TensorFlow says: {describe_error(error)}. "
                "Likely cause: a copy that was cut short, or a model of another TensorFlow. Push or copy the version "
                "again."
            ) from error

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What the model can do, by name."""
        return self._model.signatures

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs one batch through a signature (see ``Captioning.predict``)."""
        known, name = self.signatures, f"'{self.directory}'"
        if signature not in known or known[signature].mismatch(inputs):
            raise explain_refusal(name, signature, inputs, known)
        try:
            return self._model.run(signature, inputs)
        except self._model.op_error as error:
            raise explain_refusal(name, signature, inputs, known, describe_error(error)) from error

    def close(self) -> None:
        """Frees the model."""
        self._model.close()
