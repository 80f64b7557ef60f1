"""Which versions of a model are served: TensorFlow Serving's own file, ``models.config``, read and written.

It lies beside the base folder of the versions. TensorFlow Serving follows it by ``--model_config_file``, the local
server and `resolve_version` whenever it is there. Without it the version with the largest number is served.

A rollback pins an older version instead of copying it under a new number: a number means the same model everywhere. But
a server that does not read the file goes on with the largest number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE = "models.config"
STABLE, PREVIOUS = "stable", "previous"


class ModelConfigError(ValueError):
    """A ``models.config`` that TensorFlow Serving would not take."""


@dataclass(frozen=True)
class VersionPolicy:
    """Which versions are wanted.

    Attributes:
        specific: these, even if some are missing; None where the newest are wanted.
        latest: how many of the newest; None for all of them.
        labels: versions by the names that requests may ask by.
    """

    specific: tuple[int, ...] | None = None
    latest: int | None = 1
    labels: Mapping[str, int] = field(default_factory=dict)

    def wanted(self, found: Collection[int]) -> list[int]:
        """Those of the versions found that are wanted, in order."""
        if self.specific is not None:
            return sorted(set(self.specific) & set(found))
        return sorted(found)[-self.latest :] if self.latest is not None else sorted(found)


def config_path(base: str | Path) -> Path:
    """Where the file of a base folder is, or would be."""
    return Path(base).absolute().parent / FILE


def find_policy(base: str | Path) -> VersionPolicy:
    """The policy for a base folder that has the model's name: of the file beside it, or else TensorFlow Serving's."""
    return read_policy(config_path(base), Path(base).absolute().name) or VersionPolicy()


def read_policy(path: str | Path, model: str) -> VersionPolicy | None:
    """The policy for a model; None where there is no file, or it does not name the model."""
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        text = Path(path).read_text(encoding="utf-8")
        config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except FileNotFoundError:
        return None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ModelConfigError(
            f"Expected TensorFlow Serving's ModelServerConfig at '{path}', and it cannot be read: {error}. Likely "
            "cause: it was edited by hand. See serving/models.config for its form, or remove it to serve the newest "
            "version."
        ) from error
    for entry in config.model_config_list.config:
        if entry.name == model:
            policy = entry.model_version_policy
            chosen = policy.WhichOneof("policy_choice")
            return VersionPolicy(
                specific=tuple(policy.specific.versions) if chosen == "specific" else None,
                latest=None if chosen == "all" else policy.latest.num_versions or 1,
                labels=dict(entry.version_labels),
            )
    return None


def format_pinned(model: str, stable: int, previous: int | None = None) -> str:
    """The text of a file that serves one version, and also the one before it where its number is smaller.

    TensorFlow Serving answers requests that name no version with the largest number it has loaded.
    """
    labels = {STABLE: stable}
    if previous is not None and previous < stable:
        labels[PREVIOUS] = previous
    versions = " ".join(f"versions: {version}" for version in sorted(labels.values()))
    named = "\n".join(f'    version_labels {{ key: "{label}" value: {number} }}' for label, number in labels.items())
    return f"""\
# Written from the ledger of corrections, and again whenever another version is served: what is changed here is lost.
# For TensorFlow Serving:
#   --model_config_file=/models/{FILE} --model_config_file_poll_wait_seconds=5
#   --allow_version_labels_for_unavailable_models=true
model_config_list {{
  config {{
    name: "{model}"
    base_path: "/models/{model}"
    model_platform: "tensorflow"
    model_version_policy {{ specific {{ {versions} }} }}
{named}
  }}
}}
"""
