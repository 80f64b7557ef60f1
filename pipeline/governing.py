"""The topics of a run as people have them, how good they are, and what people decide about them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from topiclens.components.topics import decisions
from topiclens.components.topics.apply_governance import apply_decisions, describe_moved
from topiclens.components.topics.governance import Governance, check_governance, edit_governance, load_governance
from topiclens.components.topics.model import LABELS, TopicModel
from topiclens.components.topics.quality import TopicQuality, measure_quality
from topiclens.components.topics.table import Fate, Topic
from topiclens.pipeline.run_metadata import Outcome, dataset_rows, newest
from topiclens.pipeline.topic_register import governance_file, hold
from topiclens.schemas.json_lines import read_rows
from topiclens.schemas.topic_lookup import find_topic


def read_topics(root: str, file: str | None = None) -> tuple[tuple[Topic, ...], list[str]]:
    """A run's topics with the names that people gave, and in words what the next run will change.

    Args:
        file: of the decisions, where it is not the root's own.
    """
    model = TopicModel.load(newest(root).folder("topiclens.TopicModel"))
    path = governance_file(root, file)
    decided = load_governance(path)
    lines = [f"Decided upon: {reason}." for reason in describe_moved(decided, model.topics)]
    if ahead := _ahead(model.topics, decided):
        lines.append(f"\nDecided in {path}:\n{ahead}")
    return apply_decisions(model.topics, decided), lines


def quality_of_run(root: str, against: str | None = None) -> TopicQuality:
    """Measures the topics of a root's newest run on the captions of its validation and test videos.

    Args:
        against: the root of another run on the same videos, such as one that fitted its topics anew.
    Raises:
        ValueError: the two runs have no video in common.
    """
    outcome = newest(root)
    held_out = {row["video_id"]: row["captions"] for row in dataset_rows(outcome) if row["split"] != "train"}
    model = TopicModel.load(outcome.folder("topiclens.TopicModel"))
    return measure_quality(model, _labels(outcome), held_out, _labels(newest(against)) if against else None)


def decide(
    root: str,
    file: str | None = None,
    *,
    undo: Sequence[str] = (),
    rename: Sequence[Sequence[str]] = (),
    merge: Sequence[Sequence[str]] = (),
    ban: Sequence[str] = (),
    seed: Sequence[Sequence[str]] = (),
) -> str:
    """Writes decisions down, all or none of them, and says what the next run makes of them. Undoing comes first.

    Args:
        file: of the decisions, where it is not the root's own.
        undo: topics, or names of seeds, about which nothing is decided any more.
        rename: a topic and its new name, each.
        merge: topics that become one, each.
        seed: a name and its words, each.
    Raises:
        GovernanceError: there is no such topic, or the decisions contradict others.
    """
    outcome = newest(root)
    model = TopicModel.load(outcome.folder("topiclens.TopicModel"))
    path = governance_file(root, file)
    with edit_governance(path) as held:

        def topics() -> tuple[Topic, ...]:
            return apply_decisions(model.topics, held[0])

        for text in undo:
            held[0] = decisions.undo(held[0], text, topics())
        for old, new in rename:
            held[0] = decisions.rename(held[0], find_topic(old, topics()), new, topics())
        for group in merge:
            held[0] = decisions.merge(held[0], [find_topic(text, topics()) for text in group])
        for text in ban:
            held[0] = decisions.ban(held[0], find_topic(text, topics()))
        for name, *words in seed:
            held[0] = decisions.pin(held[0], name, words, topics(), model.words)
        if check_governance(held[0]).sampling:
            hold(outcome)
    ahead = _ahead(model.topics, held[0]) or "The next run has nothing to change: the topics are as they were decided."
    return f"Written to {path}.\n{ahead}"


def _labels(outcome: Outcome) -> Mapping[str, Sequence[int]]:
    rows = read_rows(os.path.join(outcome.folder("topiclens.TopicModel"), LABELS))
    return {row["video_id"]: row["topics"] for row in rows}


def _ahead(topics: Sequence[Topic], decided: Governance) -> str:
    """What the next run will change, in words; empty where the run's topics are as they were decided."""
    now, then = {topic.id: topic for topic in topics}, apply_decisions(topics, decided)
    lines, found_anew = [], False
    for topic in then:
        before = now[topic.id]
        if topic.name != before.name:
            lines.append(f"  topic {topic.id} ({before.name}) will be called {topic.name!r}")
        if (topic.fate, topic.into) != (before.fate, before.into):
            found_anew = True
            becomes = {Fate.MERGED: f"will count as topic {topic.into}", Fate.BANNED: "will occur in no video"}
            what = becomes.get(topic.fate, "will occur again")
            lines.append(f"  topic {topic.id} ({before.name}, {before.share_of_videos:.1%} of videos) {what}")
    made = {(topic.found_name or topic.name, topic.seeds) for topic in topics if topic.seeds}
    asked = {(seed.name, seed.words) for seed in decided.seeds}
    for name, words in sorted(asked - made):
        lines.append(f"  {', '.join(words)} will be pinned to the topic {name!r}")
    for name, words in sorted(made - asked):
        lines.append(f"  {', '.join(words)} will be pinned to {name!r} no more")
    if not lines:
        return ""
    if asked != made:
        end = ("The next run samples topics anew, keeps the ids of those that it finds again, and trains on what it "
               "found.")  # fmt: skip
    elif found_anew:
        end = "The next run labels videos anew, all other topics staying what they are, and trains on the labels."
    else:
        end = "The next run trains nothing: it judges captions, names neurons and explains by the new names."
    return "\n".join([*lines, end])
