"""The captioner in this process: the same calls as serving/client.py, with no server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from topiclens.serving.captioning import Captioning
from topiclens.serving.errors import InvalidClip, ModelNotLoaded, WrongSignature, missing_signature, wrong_input
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
        if signature not in self.signatures:
            raise WrongSignature(missing_signature(f"model {self.directory}", signature, self.signatures))
        if mismatch := self.signatures[signature].mismatch(inputs):
            raise wrong_input(str(self.directory), signature, mismatch)
        try:
            return self._model.run(signature, inputs)
        except self._model.op_error as error:
            raise InvalidClip(
                f"The model at '{self.directory}' refused the batch for '{signature}': {describe_error(error)}. Likely "
                "cause: a frame that is not a readable JPEG, or features of another backbone."
            ) from error

    def close(self) -> None:
        """Frees the model."""
        self._model.close()
