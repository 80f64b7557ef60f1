"""A SavedModel, loaded and run as TensorFlow Serving does it: by signature, in TensorFlow's C++ runtime.

The graph is imported into a session rather than rebuilt in Python (``tf.saved_model.load``): it loads in a fraction of
the time, several threads may run it at once, and an error is the one that the C++ server would give.
"""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from topiclens.serving import model_config
from topiclens.serving.signatures import parse_signatures

# Of a TensorFlow error, for a message; the rest is Python stacks of the exporting program.
_MAX_ERROR_CHARACTERS = 1000


class SavedModel:
    """A loaded SavedModel. Thread-safe, until it is closed.

    Args:
        directory: the folder that holds ``saved_model.pb``.
        threads: TensorFlow's threads for one operation and between operations; 0 leaves it to TensorFlow.
    Attributes:
        signature_defs, signatures: TensorFlow's ``SignatureDef``, and our ``Signature``, by name.
        op_error: the type of the errors that a run raises.
    Raises:
        OSError, tf.errors.OpError, ValueError, RuntimeError: the folder is absent, cut short, or not a SavedModel, or
            has an operation that TensorFlow does not know.
    """

    def __init__(self, directory: str | Path, *, threads: int = 0):
        import tensorflow as tf
        from google.protobuf import json_format

        self.op_error, self._run_options = tf.errors.OpError, tf.compat.v1.RunOptions
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads, allow_soft_placement=True
        )
        config.gpu_options.allow_growth = True
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        logger = logging.getLogger("tensorflow")
        logger.addFilter(_is_news)
        try:
            with graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], str(directory))
        except BaseException:
            self._session.close()
            raise
        finally:
            logger.removeFilter(_is_news)
        self.signature_defs = dict(meta_graph.signature_def)
        as_json = functools.partial(json_format.MessageToDict, preserving_proto_field_name=True)
        self.signatures = parse_signatures({name: as_json(of) for name, of in self.signature_defs.items()})

    def run(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature on inputs that fit it (see ``Signature.mismatch``), within ``timeout`` seconds.

        ``outputs`` are those wanted, None for all. tf.errors.OpError: the runtime's own message.
        """
        definition = self.signature_defs[signature]
        wanted = list(outputs or definition.outputs)
        options = None if timeout is None else self._run_options(timeout_in_ms=max(1, int(timeout * 1000)))
        return self._session.run(
            {name: definition.outputs[name].name for name in wanted},
            {definition.inputs[name].name: array for name, array in inputs.items()},
            options=options,
        )

    def close(self) -> None:
        """Frees the session and the variables it holds."""
        self._session.close()


def resolve_version(directory: str | os.PathLike[str]) -> Path:
    """The SavedModel folder that a path means: itself, or the served version of a run's root or serving base folder.

    That is the version that `models.config` pins, or else the largest. FileNotFoundError: there is none.
    ModelConfigError: `models.config` cannot be read.
    """
    directory = Path(directory)
    if (directory / "saved_model.pb").is_file():
        return directory
    if (in_root := directory / "serving" / "topiclens").is_dir():
        directory = in_root
    versions = find_versions(directory)
    if wanted := model_config.find_policy(directory).wanted(list(versions)):
        return versions[wanted[-1]]
    raise FileNotFoundError(
        f"Expected a SavedModel folder (saved_model.pb) or a base folder of numbered versions (1/saved_model.pb) at "
        f"'{directory}', found {'neither' if directory.is_dir() else 'no such folder'}. Likely cause: the run has not "
        "pushed a model yet, or the path is of another step's output."
    )


def find_versions(base: str | Path) -> dict[int, Path]:
    """The numbered folders of a serving base folder, by version (an absent folder has none)."""
    folders = [path for path in Path(base).glob("*") if re.fullmatch(r"[0-9]{1,18}", path.name) and path.is_dir()]
    return {int(folder.name): folder for folder in folders}


def describe_error(error: Exception) -> str:
    """The message of a TensorFlow error, without the Python stacks in it."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    text = text.removeprefix("Graph execution error:").strip()
    text = re.split(r"\n\n(?:Original stack trace|Errors may have originated|Detected at node)", text)[0]
    return text[:_MAX_ERROR_CHARACTERS]


def _is_news(record: logging.LogRecord) -> bool:
    """False for what TensorFlow logs at every load: the path, and that this loader is the older one."""
    return not re.search("is deprecated|Restoring parameters", record.getMessage())
