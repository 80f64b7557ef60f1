"""Clips that people uploaded: their frames as the model gets them, which are kept with who brought them and when.

ROOT/uploaded_clips/<SHA-256 of the file>/
    clip.json          its id, who brought it, and how its frames were chosen
    000.jpg, 001.jpg   the frames that the model sees
ROOT/corrected_videos/   their features, where a refinement looks for those of any file that was corrected
"""

from __future__ import annotations

import functools
import io
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from topiclens.components.relevance.report import Film, thumbnails
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline.repair.kept_features import keep_features, load_kept_features
from topiclens.schemas import features
from topiclens.schemas.corrections import now
from topiclens.schemas.files import read_json, write_json
from topiclens.schemas.plain import from_plain, to_plain
from topiclens.serving.review.backend import Refused
from topiclens.serving.review.shown import NewClip

UPLOADED = "uploaded"  # what stands for a split of the dataset
FOLDER = "uploaded_clips"
MOST_KEPT = 1000
_RECORD = "clip.json"
_LONGEST_NAME = 80
Extract = Callable[[Sequence[bytes]], np.ndarray]  # JPEG frames -> their features (time, feature_dim)


@dataclass(frozen=True)
class UploadedClip:
    """An uploaded clip; `sampling` tells how its frames were chosen (`Sampling.to_json`)."""

    video_id: str
    content: str  # SHA-256 of its file
    by: str
    time: datetime
    seconds: tuple[float, ...]  # when each frame is shown
    sampling: Mapping[str, Any]


class UploadedClips:
    """The uploaded clips of a root, as a model sees them. For several threads and processes.

    Args:
        features: how the model's features are made, as its export tells.
        extract: makes them; it is asked for only once a clip is without.
    """

    def __init__(self, root: str, features: Mapping, extract: Callable[[], Extract]):
        self._root, self._features, self._extract = root, features, extract
        self._folder, self._keeping = Path(root, FOLDER), threading.Lock()
        self._sampling = Sampling.of(features).to_json()

    def rows(self) -> dict[str, dict[str, Any]]:
        """By id, what `topiclens.pipeline.review.clips.Clips` knows of each; without clips whose frames were chosen
        otherwise than those that this model sees."""
        return {clip.video_id: self._row(clip) for clip in self._of_model()}

    def records(self) -> Iterator[dict[str, Any]]:
        """As `topiclens.schemas.records.parse` gives those of a dataset, without topics."""
        for clip in self._of_model():
            try:
                frames = self._features_of(clip, functools.partial(pictures_in, self._folder / clip.content))
            except Refused:  # there are none for this model, and none can be made
                continue
            yield {
                features.VIDEO_ID: clip.video_id.encode(),
                features.CAPTIONS: np.array([], object),
                features.FRAMES: frames,
            }

    def keep(self, clip: NewClip, by: str) -> tuple[dict[str, Any], np.ndarray]:
        """The row and the features of a clip, which is there from now on; the same file again is the same clip.

        Refused: too many are kept already.
        """
        name = f"{clip.content[:8]}-{safe_name(clip.name)}"
        new = UploadedClip(name, clip.content, by, now(), clip.seconds, self._sampling)
        with self._keeping:
            known = next((one for one in self._read() if one.content == clip.content), new)
            kept = replace(known, seconds=new.seconds, sampling=new.sampling)
            frames = self._features_of(kept, lambda: clip.frames)
            if kept != known or known is new:
                self._write(kept, clip.frames)
        return self._row(kept), frames

    def _features_of(self, clip: UploadedClip, jpegs: Callable[[], Sequence[bytes]]) -> np.ndarray:
        frames = load_kept_features(self._root, clip.content, self._features)
        if frames is None:
            frames = self._extract()(jpegs())
            keep_features(self._root, clip.content, self._features, frames, clip.seconds)
        return frames

    def _write(self, clip: UploadedClip, jpegs: Sequence[bytes]) -> None:
        """Writes a clip aside and renames it, in place of what was kept of the file for a model with other frames."""
        place, aside = self._folder / clip.content, self._folder / f".new-{secrets.token_hex(8)}"
        if not place.exists() and len(list(self._folder.glob(f"*/{_RECORD}"))) >= MOST_KEPT:
            raise Refused(
                f"{MOST_KEPT} uploaded clips are kept already. Whoever runs the page can remove some of them from the "
                f"folder {FOLDER}."
            )
        aside.mkdir(parents=True)
        try:
            for index, jpeg in enumerate(jpegs):
                (aside / f"{index:03d}.jpg").write_bytes(jpeg)
            write_json(aside / _RECORD, to_plain(clip))
            shutil.rmtree(place, ignore_errors=True)
            os.rename(aside, place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _of_model(self) -> list[UploadedClip]:
        """Those whose frames were chosen as for this model."""
        return [clip for clip in self._read() if clip.sampling == self._sampling]

    def _read(self) -> list[UploadedClip]:
        return [from_plain(UploadedClip, read_json(path)) for path in self._folder.glob(f"[0-9a-f]*/{_RECORD}")]

    def _row(self, clip: UploadedClip) -> dict[str, Any]:
        return {
            "video_id": clip.video_id,
            "split": UPLOADED,
            "content": clip.content,
            "pictures": str(self._folder / clip.content),
            "seconds": clip.seconds,
        }


def film_of_uploaded(row: Mapping[str, Any]) -> Film:
    """What can be shown of an uploaded clip, by its row; when its frames are shown even where these are gone."""
    try:
        pictures = (np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in pictures_in(row["pictures"]))
        return Film(thumbnails(pictures), tuple(row["seconds"]))
    except OSError:
        return Film(seconds=tuple(row["seconds"]), notes=("Its pictures cannot be read.",))


def pictures_in(folder: str | os.PathLike) -> list[bytes]:
    """The frames that are kept in a clip's folder, in order."""
    return [path.read_bytes() for path in sorted(Path(folder).glob("*.jpg"))]


def safe_name(name: str) -> str:
    """A file's name as part of an id: without folders, and without what is no character of a line."""
    last = re.split(r"[\\/]", name)[-1].encode("utf-8", "ignore").decode()
    return "".join(filter(str.isprintable, last)).strip()[:_LONGEST_NAME] or "clip"
