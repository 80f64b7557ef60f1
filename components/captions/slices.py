"""Which videos belong together when captions are judged: those of a topic, or of a label."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from topiclens.schemas.records import VideoRecord


def by_topic(topics: Mapping[str, Iterable[int]], names: Mapping[int, str] | None = None) -> dict[str, list[str]]:
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


def of_records(records: Iterable[VideoRecord], names: Mapping[int, str] | None = None) -> dict[str, list[str]]:
    """Slices by topic and, where records have one, by label."""
    topics, labels = {}, defaultdict(list)
    for record in records:
        topics[record.video_id] = record.topics.nonzero()[0].tolist()
        if record.label is not None:
            labels[f"label {record.label}"].append(record.video_id)
    return by_topic(topics, names) | {name: labels[name] for name in sorted(labels)}
