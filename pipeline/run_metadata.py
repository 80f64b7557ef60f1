"""What the newest run on a root left behind, read from its metadata; TFX itself is not needed for that."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterator, Mapping

from topiclens.schemas import records
from topiclens.schemas.json_lines import read_rows

NAME = "topiclens"  # of the pipeline, and of the model on a server
METADATA = "metadata.sqlite"
EXPORTED = "Format-Serving"


class NothingThere(RuntimeError):
    """A root on which no run came far enough."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Args:
        artifacts: folders by artifact type, such as ``Model`` or ``topiclens.CaptionMetrics``.
        blessed: whether the model passed its judge, and so was pushed.
    """

    root: str
    artifacts: dict[str, str]
    blessed: bool

    def folder(self, artifact: str) -> str:
        """The folder of one artifact type.

        Raises:
            NothingThere: the run did not come so far.
        """
        if artifact not in self.artifacts:
            raise NothingThere(
                f"The newest run on {self.root!r} made no {artifact}; it made {', '.join(sorted(self.artifacts))}. "
                "Did it fail on the way? 'topiclens run' goes on from there."
            )
        return self.artifacts[artifact]

    @property
    def model(self) -> str:
        """The exported model."""
        return os.path.join(self.folder("Model"), EXPORTED)

    @property
    def logs(self) -> str:
        """TensorBoard's logs."""
        return os.path.join(self.root, "training")

    @property
    def serving(self) -> str:
        """The folder of pushed versions."""
        return serving_folder(self.root)


def serving_folder(root: str) -> str:
    """The versions of a root that a model server reads."""
    return os.path.join(root, "serving", NAME)


def newest(root: str) -> Outcome:
    """The artifacts of the newest run on a root, those taken over from earlier runs included.

    Raises:
        NothingThere: nothing ever ran there.
    """
    path = os.path.join(root, METADATA)
    if not os.path.exists(path):
        raise NothingThere(f"No run was ever started on root {root!r}. Start one with 'topiclens run --root {root}'.")
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = path
    store = metadata_store.MetadataStore(config)
    runs = store.get_contexts_by_type("pipeline_run")
    if not runs:
        raise NothingThere(f"The run on root {root!r} ended before its first step. Start it again.")
    latest = max(runs, key=lambda run: run.id)
    kinds = {kind.id: kind.name for kind in store.get_artifact_types()}
    artifacts, blessed = {}, False
    for artifact in sorted(store.get_artifacts_by_context(latest.id), key=lambda artifact: artifact.id):
        if artifact.state != metadata_store_pb2.Artifact.LIVE:
            continue
        kind = kinds[artifact.type_id]
        artifacts[kind] = artifact.uri
        if kind == "ModelBlessing":
            blessed = artifact.custom_properties["blessed"].int_value == 1
    return Outcome(root, artifacts, blessed)


def model_artifact(place: str) -> str:
    """The Model artifact that a path names: a run's root, the artifact itself, or the exported model within it.

    Raises:
        NothingThere: the path names none.
    """
    if os.path.exists(os.path.join(place, METADATA)):
        return os.path.abspath(newest(place).folder("Model"))
    if os.path.basename(os.path.normpath(place)) == EXPORTED:
        place = os.path.dirname(os.path.normpath(place))
    if not os.path.exists(os.path.join(place, EXPORTED, "saved_model.pb")):
        raise NothingThere(
            f"There is no model to start from at {place!r}: expected the root of a run, or a folder that holds "
            f"{EXPORTED}/saved_model.pb, as the Trainer's artifacts do."
        )
    return os.path.abspath(place)


def dataset_rows(outcome: Outcome) -> Iterator[dict]:
    """The rows of all videos of a run's dataset, in order."""
    return read_rows(os.path.join(outcome.folder("topiclens.Dataset"), "videos.jsonl"))


def split_files(outcome: Outcome, split: str) -> list[str]:
    """The files with the records of a split; FileNotFoundError where the run has no such split."""
    return records.files_of(os.path.join(outcome.folder("Examples"), f"Split-{split}"))


def split_videos(outcome: Outcome, split: str) -> list[records.VideoRecord]:
    """All videos of a split, in order."""
    return list(records.read(split_files(outcome, split)))


def stored_videos(
    outcome: Outcome, wanted: Collection[str]
) -> tuple[dict[str, Mapping], dict[str, records.VideoRecord]]:
    """The rows and the records of some of a run's videos, by id; for an unknown id there is neither."""
    rows = {row["video_id"]: row for row in dataset_rows(outcome) if row["video_id"] in wanted}
    stored = {}
    for split in sorted({row["split"] for row in rows.values()}):
        stored.update((one.video_id, one) for one in records.read(split_files(outcome, split), only=wanted))
    return rows, stored
