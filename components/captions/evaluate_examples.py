"""An exported model, examined: its captions of every split asked for, judged whole, by topic and by label."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping

from topiclens.components.captions import generate
from topiclens.components.captions.evaluator import CaptionEvaluation, evaluate_captions
from topiclens.schemas.records import VideoRecord

_log = logging.getLogger(__name__)


def evaluate_examples(
    model_dir: str, splits: Mapping[str, str], topic_names: Mapping[int, str] | None = None
) -> dict[str, CaptionEvaluation]:
    """Captions and judges the records of each split, by an exported model.

    Args:
        splits: the folder of record files of each split.
        topic_names: topic number -> name, by which its slice is called.
    """
    evaluations = {}
    for split, folder in splits.items():
        captions, videos = generate.caption_examples(
            model_dir, folder, progress=lambda what, share=None: _log.info("captions: %s", what)
        )
        people = {video.video_id: video.captions for video in videos}
        evaluations[split] = evaluate_captions(people, captions, slices=slices_of(videos, topic_names))
    return evaluations


def slices_by_topic(
    topics: Mapping[str, Iterable[int]], names: Mapping[int, str] | None = None
) -> dict[str, list[str]]:
    """Slice name -> video ids, a slice a topic; a video is in the slice of each of its topics.

    Args:
        topics: the numbers of the topics that occur in each video, by video id.
        names: topic number -> name, which then stands behind the number.
    """
    members = defaultdict(list)
    for video_id, numbers in topics.items():
        for number in numbers:
            members[int(number)].append(video_id)
    names = names or {}
    return {
        f"topic {number}: {names[number]}" if number in names else f"topic {number}": members[number]
        for number in sorted(members)
    }


def slices_of(records: Iterable[VideoRecord], names: Mapping[int, str] | None = None) -> dict[str, list[str]]:
    """Slices by topic and, where records have one, by label."""
    topics, labels = {}, defaultdict(list)
    for record in records:
        topics[record.video_id] = record.topics.nonzero()[0].tolist()
        if record.label is not None:
            labels[f"label {record.label}"].append(record.video_id)
    return slices_by_topic(topics, names) | {name: labels[name] for name in sorted(labels)}
