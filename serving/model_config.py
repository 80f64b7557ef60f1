"""Which versions of a model are served: TensorFlow Serving's own file, ``models.config``, read and written.

The file stands beside the base folder of the versions. TensorFlow Serving follows it when told so
(``--model_config_file``, ``--model_config_file_poll_wait_seconds``), the local server and `resolve_version` whenever
it is there. Without it the version with the largest number is served.

A rollback pins an older version rather than copying it under a new number: a version's name then always means the same
model, in the file, in the server's answers and in the ledger. The price is that a server which does not read the file
goes on with the largest number.
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
    """Which of the versions that are there are wanted.

    Attributes:
        specific: these, whether there or not; None where the newest are wanted.
        latest: how many of the newest; None for all of them.
        labels: name -> version, for requests that ask by a name that stays while versions change.
    """

    specific: tuple[int, ...] | None = None
    latest: int | None = 1
    labels: Mapping[str, int] = field(default_factory=dict)

    def wanted(self, found: Collection[int]) -> list[int]:
        """Those of the versions found that are to be served, in order."""
        if self.specific is not None:
            return sorted(set(self.specific) & set(found))
        return sorted(found)[-self.latest :] if self.latest is not None else sorted(found)


def config_path(base: str | Path) -> Path:
    """Where the file of a base folder is, or would be."""
    return Path(base).absolute().parent / FILE


def find_policy(base: str | Path, model: str | None = None) -> VersionPolicy:
    """The policy for a base folder, by the file beside it; TensorFlow Serving's default where it tells none.

    Args:
        model: the name that the file gives it; by default that of the folder.
    """
    return read_policy(config_path(base), model or Path(base).absolute().name) or VersionPolicy()


def read_policy(path: str | Path, model: str) -> VersionPolicy | None:
    """The policy for a model; None where there is no file, or it says nothing of the model.

    Raises:
        ModelConfigError: the file is none that TensorFlow Serving reads.
    """
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
    """The file that serves one version, and keeps another at hand where that changes nothing for the others' requests.

    TensorFlow Serving answers requests that name no version with the largest number it has loaded. So `previous`, of
    the version served before, is loaded too only where its number is smaller: after a rollback it is not.
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
