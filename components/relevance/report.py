"""Explanations of many videos as a folder: a page a video and an index that leads to them."""

from __future__ import annotations

import dataclasses
import functools
import io
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.relevance.explanation import Explanation, explanation
from topiclens.components.relevance.page import Entry, Way, index, page, picture
from topiclens.components.relevance.reading import ModelReader
from topiclens.components.videos.decoding import DecodingLimits, UnreadableVideo
from topiclens.components.videos.reader import sample_video
from topiclens.components.videos.sampling import Sampling
from topiclens.schemas.files import read_json, write_bytes, write_json, write_text
from topiclens.schemas.records import VideoRecord

INDEX, ENTRIES = "index.html", "index.json"
# Pixels of the short side, and JPEG quality.
_SHORT_SIDE, _QUALITY = 144, 75

BROUGHT_FEATURES = (
    "There are no pictures: the dataset brought features of this video, no film. Its frames are named by their numbers."
)


@dataclass(frozen=True)
class _Written:
    """A page that may be written once more, to lead on."""

    file: str
    video: str
    render: Callable[..., str]
    way: Way


class ExplanationWriter:
    """A folder of explanations: of each video a page (.html), a picture (.png) and the numbers (.json), and an index.

    Args:
        atlas: the folder of the model's atlas, as seen from this one; topics and neurons lead there.
    """

    def __init__(self, folder: str, atlas: str | None = None):
        self._folder, self._atlas = folder, atlas
        self._entries: list[Entry] = []
        self._taken = {"index"}
        self._last: _Written | None = None

    def add(
        self,
        name: str,
        explained: Explanation,
        pictures: Sequence[bytes] = (),
        about: str = "",
        heat_pictures: Sequence[bytes] = (),
    ) -> str:
        """Writes a video's page (see `page.page`), picture and numbers; gives the path of the page.

        The page leads to the one before, which is written once more and leads to this one.

        Args:
            name: of the files, as far as it is safe and free.
            about: more to say of the video on the index.
        """
        name, last = self._file_name(name), self._last
        path = os.path.join(self._folder, name)
        write_bytes(f"{path}.png", picture(explained, pictures))
        write_text(f"{path}.json", explained.to_json() + "\n")
        back = None if last is None else (last.file, last.video)
        render = functools.partial(page, explained, pictures, heat_pictures)
        self._last = _Written(f"{name}.html", explained.video, render, Way(self._atlas, back))
        self._write(self._last)
        if last is not None:
            self._write(
                dataclasses.replace(last, way=dataclasses.replace(last.way, on=(f"{name}.html", explained.video)))
            )
        middle = pictures[len(pictures) // 2] if pictures else None
        self._entries.append(Entry(explained.video, f"{name}.html", explained.caption, middle, about))
        return f"{path}.html"

    def _write(self, written: _Written) -> None:
        write_text(os.path.join(self._folder, written.file), written.render(way=written.way))

    def add_fault(self, video: str, reason: str) -> None:
        """Lets the index say why there is no page of a video."""
        self._entries.append(Entry(video, None, reason))

    def write_index(self, title: str = "Captions, explained") -> str:
        """Writes `index.html`, and `index.json`, which tells the same to programs; gives the path of the first."""
        told = [{"video": entry.video, "page": entry.page, "said": entry.said} for entry in self._entries]
        write_json(os.path.join(self._folder, ENTRIES), told)
        path = os.path.join(self._folder, INDEX)
        write_text(path, index(self._entries, title, self._atlas))
        return path

    def _file_name(self, wanted: str) -> str:
        """A file name without an ending, safe on every file system and not taken."""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", wanted).strip("-")[:80] or "video"
        name, number = stem, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name.lower())
        return name


def first_explained(folder: str) -> tuple[str, str, str] | None:
    """The video, the caption and the path of the page that a report's index names first; None where it has no page."""
    entries = read_json(os.path.join(folder, ENTRIES))
    return next(
        ((entry["video"], entry["said"], os.path.join(folder, entry["page"])) for entry in entries if entry["page"]),
        None,
    )


def choose(scores: Mapping[str, float], count: int) -> list[str]:
    """Videos taken evenly from the best caption to the worst, both of them among these; the best comes first.

    A person then sees what a model does well, what it does badly, and what lies between. Scores are by video id; equal
    ones are in the order of their ids.
    """
    ranked = sorted(scores, key=lambda video_id: (-scores[video_id], video_id))
    places = np.linspace(0, len(ranked) - 1, min(count, len(ranked)))
    return [ranked[round(place)] for place in places]


def write_report(
    folder: str,
    title: str,
    rows: Sequence[Mapping],
    stored: Mapping[str, VideoRecord],
    reader: ModelReader,
    *,
    links: TopicLinks | None = None,
    scores: Mapping[str, float] | None = None,
    limits: DecodingLimits = DecodingLimits(),
    atlas: str | None = None,
) -> str:
    """Explains videos of a dataset by their stored features, so that their captions are those that were judged.

    Args:
        rows: of the dataset's `videos.jsonl`, in the order of the index.
        stored: their records by video id; a video without one is on the index with the reason.
        links: the neurons' names; None where the model learnt no topics (LSTM-B).
        scores: video id -> CIDEr of its caption, where it was measured.
        limits: what reading a film may cost.
        atlas: see `ExplanationWriter`.
    Returns:
        The path of the index.
    """
    report, sampling = ExplanationWriter(folder, atlas), Sampling.of(reader.meta["features"])
    unnamed = () if links else ("The neurons have no names here: the run learnt no topics (LSTM-B).",)
    for video_id, row in ((row["video_id"], row) for row in rows):
        record = stored.get(video_id)
        if record is None:
            report.add_fault(video_id, "It has no features: rejected.jsonl of the features step says why.")
            continue
        film = film_of(row, sampling, len(record.frames), limits=limits)
        notes = (*unnamed, *film.notes)
        explained = explanation(video_id, reader(record.frames), film.seconds, links, notes, record.captions)
        about = f"CIDEr {scores[video_id]:.2f}" if scores and video_id in scores else ""
        report.add(video_id, explained, film.pictures, about)
    return report.write_index(title)


@dataclass(frozen=True)
class Film:
    """What can be shown of a clip."""

    pictures: tuple[bytes, ...] = ()  # its frames, small, as JPEG; none where there is no film to see
    seconds: tuple[float, ...] | None = None  # when each is shown; None where that is not known
    notes: tuple[str, ...] = ()  # why there are no pictures
    frames: Sequence[np.ndarray] = ()  # the frames themselves, (height, width, 3) uint8 RGB each, where asked for


def film_of(
    row: Mapping, sampling: Sampling, time: int, *, limits: DecodingLimits = DecodingLimits(), whole: bool = False
) -> Film:
    """The frames that the features of a dataset's video were made of; a fault of its film becomes a note, not an error.

    Args:
        row: of the dataset's `videos.jsonl`.
        time: how many frames the features have.
        whole: keeps the frames themselves, some MB a video.
    """
    if "path" not in row:
        return Film(notes=(BROUGHT_FEATURES,))
    try:
        sampled = sample_video(
            row["path"], sampling, row["video_id"], start=row.get("start"), end=row.get("end"), limits=limits
        )
    except (UnreadableVideo, OSError) as error:
        return Film(notes=(f"There are no pictures: the film cannot be read. {error}",))
    if len(sampled.frames) != time:
        told = f"the film gives {len(sampled.frames)} frames, and the stored features have {time}"
        return Film(notes=(f"There are no pictures: {told}. Has it changed since the features were made?",))
    return Film(thumbnails(sampled.frames), sampled.seconds, frames=sampled.frames if whole else ())


def thumbnails(frames: Iterable[np.ndarray]) -> tuple[bytes, ...]:
    """Frames, (height, width, 3) uint8 RGB each, as small JPEGs."""
    return tuple(_thumbnail(Image.fromarray(frame)) for frame in frames)


def _thumbnail(image: Image.Image) -> bytes:
    scale = _SHORT_SIDE / min(image.size)
    if scale < 1:
        image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
