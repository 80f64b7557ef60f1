"""Why the captions of video files are what they are: pages for people, by a model in this process or by a server."""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from components import staging
from components.neurons.links import TopicLinks
from components.relevance.explanation import Explanation, OtherModel, explanation
from components.relevance.page import Entry, index, page
from components.relevance.picture import picture
from components.relevance.reading import Reading, read
from components.videos.decoding import UnreadableVideo
from components.videos.reader import SampledFrames, sample_video
from pipeline import lineage
from pipeline.captioning import sampling_of
from pipeline.configs import SettingError, cache_folder
from serving.frames import encode_frames
from serving.saved_model import resolve_version
from trainer.exported import weights_path

LINKS = "components.NeuronLinks"
# Pixels of the short side, and JPEG quality, of the frames on a page.
_SHORT_SIDE, _QUALITY = 144, 75

Reader = Callable[[Sequence[bytes]], Reading]


@dataclass(frozen=True)
class Explained:
    """A video with its explanation and the pages of it, or with what is wrong with it."""

    video: str
    explanation: Explanation | None = None
    page: str | None = None
    fault: str | None = None


def explain_files(
    videos: Sequence[str],
    output: str,
    *,
    root: str,
    model: str | None = None,
    server: str | None = None,
    **sampling,
) -> Iterator[Explained]:
    """Explains videos one by one; a video that cannot be read does not stop the others.

    Writes of each video a page (.html), a picture (.png) and the numbers (.json), and in the end `index.html` of all.

    Args:
        videos: paths of video files.
        output: the folder for the pages.
        root: the run whose links name the neurons; they are left out where they are another model's.
        model: an exported model, or a folder of versions; None is what was pushed from `root`.
        server: the address of a model server, asked in place of `model`: it tells no relevance.
        sampling: the `changes` of `captioning.sampling_of`.
    """
    entries, names = [], _names(videos)
    directory = None if server else str(resolve_version(model or os.path.join(root, "serving", "topiclens")))
    chosen = sampling_of(directory, **sampling)
    with _reader(directory, server) as reader:
        links, notes = _links(root, directory)
        for video, name in zip(videos, names):
            try:
                sampled = sample_video(video, chosen)
            except (UnreadableVideo, OSError) as error:
                entries.append(Entry(os.path.basename(video), None, str(error)))
                yield Explained(video, fault=str(error))
                continue
            explained, pictures = _explain(os.path.basename(video), sampled, reader, links, notes)
            entries.append(Entry(explained.video, f"{name}.html", explained.caption, pictures[len(pictures) // 2]))
            yield Explained(video, explained, write(explained, pictures, output, name))
    staging.write_text(os.path.join(output, "index.html"), index(entries))


def explain_row(outcome: lineage.Outcome, row: Mapping, output: str) -> Explained:
    """Explains a video of a run's dataset by the run's own model.

    Args:
        outcome: the run.
        row: of its `videos.jsonl`, one with a `path`.
        output: the folder for the page.
    """
    with _reader(outcome.model) as reader:
        sampled = sample_video(
            row["path"], sampling_of(outcome.model), row["video_id"], start=row.get("start"), end=row.get("end")
        )
        explained, pictures = _explain(row["video_id"], sampled, reader, *_links(outcome.root, outcome.model))
    (name,) = _names([row["video_id"]])
    return Explained(row["video_id"], explained, write(explained, pictures, output, name))


def write(explained: Explanation, pictures: Sequence[bytes], output: str, name: str) -> str:
    """Writes `name`.html, .png and .json into a folder; gives the path of the first."""
    path = os.path.join(output, name)
    staging.write_text(f"{path}.html", page(explained, pictures))
    staging.write_bytes(f"{path}.png", picture(explained, pictures))
    staging.write_text(f"{path}.json", explained.to_json() + "\n")
    return f"{path}.html"


def _explain(
    video: str, sampled: SampledFrames, reader: Reader, links: TopicLinks | None, notes: Sequence[str]
) -> tuple[Explanation, list[bytes]]:
    reading = reader(encode_frames(sampled.frames))
    if reading.frames is None and reading.words:
        notes = (*notes, "A server tells no relevance, which needs the weights: explain with --model to see it.")
    try:
        explained = explanation(video, reading, sampled.seconds, links, notes)
    except OtherModel:
        notes = (*notes, "The neurons have no names here: the links of the run are another model's.")
        explained = explanation(video, reading, sampled.seconds, None, notes)
    return explained, encode_frames(sampled.frames, short_side=_SHORT_SIDE, quality=_QUALITY)


@contextlib.contextmanager
def _reader(directory: str | None, server: str | None = None) -> Iterator[Reader]:
    """What reads JPEG frames: the exported model of a folder, or a server."""
    if server:
        from serving.client import CaptionClient

        with CaptionClient(server) as client:
            yield lambda jpegs: _answer(client, jpegs)
        return
    import tensorflow as tf

    from components.features.backbones import registry
    from trainer.export import extraction, load_captioner

    captioner, vocabulary, meta = load_captioner(directory)
    features = meta["features"]
    if features.get("backbone") in (None, registry.NONE):
        raise SettingError(
            f"The model in {directory} reads features that its dataset brought, so it cannot see a video file. Explain "
            "its features from Python: components.relevance.reading.read."
        )
    # Through the same JPEGs and the same graph as a server sees them, so that both write the same caption.
    extract = extraction(registry.load(features["backbone"], features.get("weights"), cache_folder()))

    def reader(jpegs: Sequence[bytes]) -> Reading:
        frames = extract(tf.constant([jpegs]))[0].numpy()
        return read(captioner, list(vocabulary), frames, decoding=meta["decoding"])

    yield reader


def _answer(client, jpegs: Sequence[bytes]) -> Reading:
    (told,) = client.explain_videos([jpegs])
    return Reading(told.words, told.log_prob, told.attention, told.activations, told.topic_scores)


def _links(root: str, directory: str | None) -> tuple[TopicLinks | None, list[str]]:
    """The links of the newest run on a root, and what a reader must know of them.

    Args:
        directory: the model that is explained: links of a run that trained another one are left out; None where it is
            on a server, and cannot be told.
    """
    try:
        outcome = lineage.newest(root)
    except lineage.NothingThere:
        return None, [f"The neurons have no names here: there is no run at {root}. Name its root with --root."]
    if LINKS not in outcome.artifacts:
        return None, ["The neurons have no names here: the run learnt no topics (LSTM-B) or ended too soon."]
    if directory is not None and not _same_weights(directory, outcome):
        return None, [f"The neurons have no names here: the newest run at {root} trained another model than this one."]
    return TopicLinks.load(outcome.folder(LINKS)), []


def _same_weights(directory: str, outcome: lineage.Outcome) -> bool:
    mine, theirs = weights_path(directory), weights_path(outcome.model)
    return os.path.exists(theirs) and filecmp.cmp(mine, theirs, shallow=False)


def _names(videos: Sequence[str]) -> list[str]:
    """A file name for each video, without an ending: safe on every file system, and no two alike."""
    names: list[str] = []
    for video in videos:
        stem = os.path.splitext(os.path.basename(video))[0]
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:80] or "video"
        name, number = stem, 1
        while name.lower() in {"index", *(taken.lower() for taken in names)}:
            number += 1
            name = f"{stem}-{number}"
        names.append(name)
    return names
