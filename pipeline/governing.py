"""The topics of a run as people have them, how good they are, and what people decide about them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from topiclens.components.topics.apply_governance import apply_decisions, describe_moved
from topiclens.components.topics.decisions import ban, merge, pin, rename, undo
from topiclens.components.topics.governance import Governance, check_governance, edit_governance, load_governance
from topiclens.components.topics.model import LABELS, TopicModel
from topiclens.components.topics.quality import TopicQuality, measure_quality
from topiclens.components.topics.table import Fate, Topic
from topiclens.pipeline.run_metadata import Outcome, newest
from topiclens.pipeline.stored import dataset_rows
from topiclens.pipeline.topic_register import governance_file, hold
from topiclens.schemas.json_lines import read_rows
from topiclens.schemas.topic_lookup import find_topic


@dataclass(frozen=True)
class Decisions:
    """What one command decides, as it is typed."""

    undo: Sequence[str] = ()  # topics, or names of seeds, about which nothing is to be decided any more
    rename: Sequence[Sequence[str]] = ()  # topic and name, each
    merge: Sequence[Sequence[str]] = ()  # topics that are one, each
    ban: Sequence[str] = ()
    seed: Sequence[Sequence[str]] = ()  # a name and its words, each

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in dataclasses.fields(self))


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


def decide(root: str, decisions: Decisions, file: str | None = None) -> str:
    """Writes decisions down, all or none of them, and says what the next run makes of them.

    Raises:
        GovernanceError: there is no such topic, or the decisions contradict others.
    """
    outcome = newest(root)
    model = TopicModel.load(outcome.folder("topiclens.TopicModel"))
    path = governance_file(root, file)
    with edit_governance(path) as held:
        for decision in _in_order(decisions, model):
            held[0] = decision(held[0], apply_decisions(model.topics, held[0]))
        if check_governance(held[0]).sampling:
            hold(outcome)
    ahead = _ahead(model.topics, held[0]) or "The next run has nothing to change: the topics are as they were decided."
    return f"Written to {path}.\n{ahead}"


def _labels(outcome: Outcome) -> Mapping[str, Sequence[int]]:
    rows = read_rows(os.path.join(outcome.folder("topiclens.TopicModel"), LABELS))
    return {row["video_id"]: row["topics"] for row in rows}


def _in_order(decisions: Decisions, model: TopicModel) -> Iterator:
    """Each decision as a function from governance and topics to governance; undoing comes first."""
    for text in decisions.undo:
        yield lambda decided, topics, text=text: undo(decided, text, topics)
    for old, new in decisions.rename:
        yield lambda decided, topics, old=old, new=new: rename(decided, find_topic(old, topics), new, topics)
    for group in decisions.merge:
        yield lambda decided, topics, group=group: merge(decided, [find_topic(text, topics) for text in group])
    for text in decisions.ban:
        yield lambda decided, topics, text=text: ban(decided, find_topic(text, topics))
    for name, *words in decisions.seed:
        yield lambda decided, topics, name=name, words=words: pin(decided, name, words, topics, model.words)


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
            what = {Fate.MERGED: f"will count as topic {topic.into}", Fate.BANNED: "will occur in no video"}.get(
                topic.fate, "will occur again"
            )
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
