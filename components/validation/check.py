"""What can be wrong with the record of one video.

TFX's ExampleValidator compares statistics with the curated schema, so it can say *that* some record is wrong. These
checks say *which*, and know sizes that the schema cannot know (the backbone's width, the number of topics).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from topiclens.schemas.features import SPLITS
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.vocabulary import tokenize

NAMED_VIDEOS = 20


class RecordsRejected(ValueError):
    """Records that must not be trained on."""


def problems_of(record: VideoRecord, split: str, feature_dim: int, n_topics: int, max_frames: int) -> Iterator[str]:
    """Yields what is wrong with one record of a file of `split`, in words; the sizes are those it must have."""
    if record.split not in SPLITS:
        yield f"unknown split {record.split!r}, expected one of {', '.join(SPLITS)}"
    elif record.split != split:
        yield f"split {record.split!r} in a file of split {split!r}"
    frames, dim = record.frames.shape
    if not 1 <= frames <= max_frames:
        yield f"{frames} frames, expected 1 to {max_frames}"
    if frames and dim != feature_dim:
        yield f"frame features {dim} wide, expected {feature_dim}"
    if not np.all(np.isfinite(record.frames)):
        yield "NaN or infinite frame features"
    elif frames and not np.any(record.frames, axis=-1).all():
        yield "an all-zero frame, which would be taken for padding"
    if not any(tokenize(caption) for caption in record.captions):
        yield "no caption with a word"
    if record.topics.shape != (n_topics,):
        yield f"{record.topics.size} topics, expected {n_topics}"
    elif not np.isin(record.topics, (0, 1)).all():
        yield "topics other than 0 and 1"


def demand_sound(problems: Iterable[tuple[str, str]], anomalies: Mapping[str, str]) -> None:
    """Raises RecordsRejected, which names what is wrong, if anything is.

    `problems` are (video id, what is wrong) pairs; `anomalies` are ExampleValidator's, by split and feature.
    """
    problems = sorted(problems)
    if not problems and not anomalies:
        return
    lines = [f"  {name}: {text}" for name, text in sorted(anomalies.items())]
    lines += [f"  video {video_id!r}: {text}" for video_id, text in problems[:NAMED_VIDEOS]]
    if len(problems) > NAMED_VIDEOS:
        lines.append(f"  and {len(problems) - NAMED_VIDEOS} more, all in report.json")
    raise RecordsRejected(
        f"{len({video_id for video_id, _ in problems})} videos have records that training must not see, and "
        f"{len(anomalies)} anomalies were found against the schema:\n" + "\n".join(lines) + "\n"
        "Mend or remove these videos in the dataset, or correct the schema, and run again."
    )
