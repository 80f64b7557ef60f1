"""A run's root as a run leaves it, small and at once: its metadata store, records, topics, links, and a pushed model.

Its neurons are planted: it says "dog" of every clip, and "man" where the man's neuron is enhanced.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from tests.components.neurons.planted import links
from tests.components.refinement.planted_parent import TOPICS, TRAIN, VAL, export_parent
from tests.components.videos.conftest import write_clip
from topiclens.components.neurons.enhancement import named_enhancement
from topiclens.components.topics.labels import OccurrenceRule
from topiclens.components.topics.model import TopicModel
from topiclens.pipeline.run_metadata import EXPORTED, METADATA
from topiclens.schemas import records

FRAMES = 4
VERSION = "1"
WORDS = ("dog", "man", "terrier", "waves")
COUNTS = np.array([[20, 0, 5, 0], [0, 20, 0, 0], [0, 0, 0, 5]])
# What a gate that was made for thousands of clips is told for nine.
SETTINGS = (
    "refinement.nearness=weights", "refinement.mu=[0.0001]", 'refinement.max_drop={"BLEU-4": 1.0, "CIDEr": 10.0}',
    "refinement.max_slice_drop={}", "refinement.max_renamed=1.0",
)  # fmt: skip


def make_root(root: Path, films: int = 1) -> Path:
    """Makes a root, with films of the first so many val clips, and features alone of the others."""
    clips = [*VAL, *TRAIN]
    artifacts = root / "artifacts"
    folders = {
        "topiclens.Dataset": _dataset(artifacts / "dataset", clips, root / "films", films),
        "Examples": _examples(artifacts / "examples", clips),
        "topiclens.TopicModel": _topics(artifacts / "topics"),
        "topiclens.NeuronLinks": _links(artifacts / "links"),
        "Model": _model(artifacts / "model"),
        "ModelBlessing": artifacts / "blessing",
    }
    shutil.copytree(folders["Model"] / EXPORTED, root / "serving" / "topiclens" / VERSION)
    _remember(root / METADATA, folders)
    return root


def _dataset(folder: Path, clips, films_folder: Path, films: int) -> Path:
    folder.mkdir(parents=True)
    films_folder.mkdir()
    rows = []
    for i, clip in enumerate(clips):
        film = films_folder / f"{clip.video_id}.mp4"
        shown = {"path": str(write_clip(film, FRAMES))} if i < films else {"features": f"{clip.video_id}.npy"}
        row = {"video_id": clip.video_id, "split": clip.split, "captions": list(clip.captions), **shown}
        rows.append({**row, "content": f"{i:064x}"})
    (folder / "videos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _examples(folder: Path, clips) -> Path:
    for split in ("train", "val"):
        (folder / f"Split-{split}").mkdir(parents=True)
        records.write(str(folder / f"Split-{split}" / "data.gz"), [clip for clip in clips if clip.split == split])
    return folder


def _topics(folder: Path) -> Path:
    TopicModel(WORDS, COUNTS, 1, 0.1, 0.01, OccurrenceRule(), 0, TOPICS).save(folder)
    return folder


def _links(folder: Path) -> Path:
    folder.mkdir()
    links().save(folder)
    return folder


def _model(folder: Path) -> Path:
    export_parent(folder / EXPORTED, named_enhancement(links()))
    return folder


def _remember(path: Path, folders: dict[str, Path]) -> None:
    """What a run notes in its metadata store of what it made."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = metadata_store.MetadataStore(config)
    kind = store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))
    (run,) = store.put_contexts([metadata_store_pb2.Context(type_id=kind, name="run")])
    for name, folder in folders.items():
        artifact = metadata_store_pb2.Artifact(
            type_id=store.put_artifact_type(metadata_store_pb2.ArtifactType(name=name)),
            uri=os.fspath(folder),
            state=metadata_store_pb2.Artifact.LIVE,
        )
        if name == "ModelBlessing":
            artifact.custom_properties["blessed"].int_value = 1
        (made,) = store.put_artifacts([artifact])
        attribution = metadata_store_pb2.Attribution(artifact_id=made, context_id=run)
        store.put_attributions_and_associations([attribution], [])
