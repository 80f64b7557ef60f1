"""Steering: a topic's words come when the neurons that it names are raised, and go when they are put down.

How far is chosen on training videos: the least dose that does what is asked in as many fluent captions as the best one
does, but for one standard error. What is reported is of held-out videos.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from topiclens.components.captions.evaluator import References, score_captions
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.caption_words import CaptionWords
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.decoding import with_end
from topiclens.trainer.edits import Edit

INSERTION_DOSES = 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 4.0  # strengths
SUPPRESSION_DOSES = 0.0, -0.5, -1.0, -1.5, -2.0
# What tables call the figures of `SteeringEffects`.
STEERING = {
    "captions_fluent": "fluent captions, untouched",
    "insertion_dose": "insertion, dose",
    "insertion_on_topic": "captions that gain the topic's words",
    "insertion_fluent": "and are fluent",
    "insertion_off_topic": "that gain another topic's",
    "insertion_kept": "other words of content kept, median",
    "insertion_gain": "rise of log expected words",
    "suppression_dose": "suppression, dose",
    "suppression_removed": "captions that lose the topic's words",
    "suppression_fluent": "and are fluent",
    "suppression_off_topic": "that gain another topic's",
    "suppression_kept": "other words of content kept, median",
    "needless_insertion_same": "raised where the caption says the topic, same caption",
    "needless_insertion_cider": "change of CIDEr",
    "needless_suppression_same": "put down where there is no topic, same caption",
    "needless_suppression_cider": "change of CIDEr",
}


@dataclass(frozen=True)
class TopicSteering:
    """How many captions a topic's words entered, or left, when its neurons were steered at the dose of all topics."""

    id: int
    raised: int = 0  # captions of videos that lack it, in which it was raised
    enters: int = 0  # of these, those that gained a word of it
    enters_fluent: int = 0  # and are fluent
    put_down: int = 0  # captions that say it, of videos that have it, in which it was put down
    leaves: int = 0  # of these, those that lost all its words
    leaves_fluent: int = 0


@dataclass(frozen=True)
class SteeringEffects:
    """What steering by topics' neurons does to captions; None where nothing could be asked.

    A caption is fluent if it ends within the most words and says no word of content twice.
    """

    captions_fluent: float | None = None  # the share of fluent captions, untouched
    insertion_questions: int = 0  # pairs of a video and a topic that it lacks
    insertion_dose: float | None = None  # what is added: so many times the topic's enhancement
    insertion_on_topic: float | None = None  # the share of them in which the topic's words enter the caption
    insertion_fluent: float | None = None  # the share in which they do, and the caption is fluent
    insertion_off_topic: float | None = None  # the share of the other topics whose words enter; the mean
    insertion_kept: float | None = None  # the share of the caption's other words of content that are kept; the median
    insertion_gain: float | None = None  # the mean rise of the log of how many of the topic's words the model expects
    suppression_questions: int = 0  # pairs of a video and one of its topics, of which its caption has a word
    suppression_dose: float | None = None  # what the neurons are set to: so many times the topic's enhancement
    suppression_removed: float | None = None  # the share of them in which no such word is left
    suppression_fluent: float | None = None  # the share in which none is, and the caption is fluent
    suppression_off_topic: float | None = None  # as above
    suppression_kept: float | None = None
    # What is asked for is so already: the share of captions that stay word for word, and what their CIDEr gains.
    needless_insertion_same: float | None = None
    needless_insertion_cider: float | None = None
    needless_suppression_same: float | None = None
    needless_suppression_cider: float | None = None
    steering_by_topic: tuple[TopicSteering, ...] = ()  # of the topics that were steered


@dataclass(frozen=True, eq=False)
class Asked:
    """Pairs of a video and a topic, with the caption before, (pairs, max_words)."""

    videos: Sequence[VideoRecord]
    topics: np.ndarray
    before: np.ndarray

    def __len__(self) -> int:
        return len(self.videos)

    def unsaid(self, words: CaptionWords) -> Asked:
        """Those whose caption has no word of the topic."""
        rows = zip(self.videos, self.topics, self.before)
        return _pairs([row for row in rows if words.topics[row[1]].isdisjoint(row[2].tolist())], self.before)


@dataclass(frozen=True, eq=False)
class Answers:
    """What became of each caption: (pairs,)."""

    after: np.ndarray  # (pairs, max_words)
    done: np.ndarray  # bool: what was asked for has happened
    fluent: np.ndarray  # bool
    off_topic: np.ndarray  # the share of the other topics that the video lacks whose words entered
    kept: np.ndarray  # the share of its other words of content that are kept; NaN where it has none

    @property
    def success(self) -> float:
        """The share that is done in fluent captions."""
        return float(np.mean(self.done & self.fluent))

    @property
    def median_kept(self) -> float | None:
        return float(np.nanmedian(self.kept)) if np.isfinite(self.kept).any() else None


class Steering:
    """A captioner whose topics are raised and put down.

    Args:
        enhancement: (topics, neurons), what strength 1 of each topic adds; not 0 at the neurons that the topic names.
    """

    def __init__(self, model: BatchedCaptioner, words: CaptionWords, enhancement: np.ndarray):
        self._model, self._words = model, words
        self._enhancement = np.asarray(enhancement, np.float32)

    def raised(self, topics: np.ndarray, dose: float) -> Edit:
        """Adds `dose` times the enhancement of a topic for each run, at every frame."""
        return Edit("encoder.v", add=np.float32(dose) * self._enhancement[topics][:, None])

    def put_down(self, topics: np.ndarray, dose: float) -> Edit:
        """Sets the neurons that a topic names to `dose` times its enhancement, at every frame: 0 deletes them, and less
        than 0 says the opposite of the topic."""
        added = self._enhancement[topics][:, None]
        return Edit("encoder.v", set=np.float32(dose) * added, at=added != 0)

    def insert(self, asked: Asked, dose: float) -> Answers:
        """Raises each topic; done is what gives the caption a word of the topic that it had not."""
        return self._answers(asked, self.raised(asked.topics, dose), lambda topic, old, new: bool((new - old) & topic))

    def suppress(self, asked: Asked, dose: float) -> Answers:
        """Puts each topic down; done is what leaves none of the topic's words that the caption had."""
        return self._answers(asked, self.put_down(asked.topics, dose), lambda topic, old, new: not old & new & topic)

    def gains(self, asked: Asked, dose: float) -> np.ndarray:
        """How far the topics' words are more expected along the captions before; see `BatchedCaptioner.expected`."""
        wanted = self._words.naming().T[asked.topics].astype(np.float32)
        read, raised = np.asarray(with_end(asked.before)), [self.raised(asked.topics, dose)]
        expected = self._model.expected(asked.videos, read, wanted, raised)
        return expected - self._model.expected(asked.videos, read, wanted)

    def _answers(
        self, asked: Asked, edit: Edit, is_done: Callable[[frozenset[int], set[int], set[int]], bool]
    ) -> Answers:
        after, words, rows = self._model.write(asked.videos, [edit]), self._words, []
        for video, topic, before, caption in zip(asked.videos, asked.topics, asked.before, after):
            old, new, own = set(before.tolist()), set(caption.tolist()), words.topics[topic]
            others = [numbers - own for numbers in _others(words, video, topic)]
            content = (old & words.content) - own
            off_topic = float(np.mean([bool((new - old) & numbers) for numbers in others])) if others else 0.0
            kept = len(content & new) / len(content) if content else np.nan
            rows.append((is_done(own, old, new), words.fluent(caption), off_topic, kept))
        return Answers(after, *(np.array(column) for column in zip(*rows)))


def steering(
    model: BatchedCaptioner,
    words: CaptionWords,
    enhancement: np.ndarray,
    held_out: Sequence[VideoRecord],
    captions: np.ndarray,
    training: Sequence[VideoRecord],
    *,
    rng: np.random.Generator,
    topics: int = 2,
) -> SteeringEffects:
    """Insertion and suppression, dosed on training videos.

    Args:
        enhancement: see `Steering`.
        captions: those of the held-out videos, untouched: (videos, max_words).
        training: without any, nothing is asked.
        rng: which topics of a video are asked about; it is used alike whatever the model.
        topics: how many of a held-out video, at most, for insertion and for suppression each.
    """
    if not held_out or not training:
        return SteeringEffects()
    steer, writes = Steering(model, words, enhancement), model.write(training)
    counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
    found: dict[str, Any] = {"captions_fluent": float(np.mean([words.fluent(caption) for caption in captions]))}
    inserting, suppressing = rng.spawn(2)
    choosing = lacked(words, training, writes, inserting, 1)
    lacking = lacked(words, held_out, captions, inserting, topics)
    if len(choosing) and len(lacking):
        dose = choose_dose({dose: steer.insert(choosing, dose) for dose in INSERTION_DOSES})
        inserted = steer.insert(lacking, dose)
        _count(counts, ("raised", "enters", "enters_fluent"), lacking, inserted)
        found |= _figures("insertion", "on_topic", lacking, dose, inserted)
        found["insertion_gain"] = float(np.mean(steer.gains(lacking, dose)))

    choosing = told(words, training, writes, suppressing, 1)
    telling = told(words, held_out, captions, suppressing, topics)
    if len(choosing) and len(telling):
        dose = choose_dose({dose: steer.suppress(choosing, dose) for dose in SUPPRESSION_DOSES})
        suppressed = steer.suppress(telling, dose)
        _count(counts, ("put_down", "leaves", "leaves_fluent"), telling, suppressed)
        found |= _figures("suppression", "removed", telling, dose, suppressed)

    if "insertion_dose" in found and len(telling):
        found |= _needless("insertion", words, telling, steer.insert(telling, found["insertion_dose"]))
    if "suppression_dose" in found and len(unsaid := lacking.unsaid(words)):
        found |= _needless("suppression", words, unsaid, steer.suppress(unsaid, found["suppression_dose"]))
    by_topic = tuple(TopicSteering(topic, **counts[topic]) for topic in sorted(counts))
    return SteeringEffects(**found, steering_by_topic=by_topic)


def choose_dose(answers: dict[float, Answers]) -> float:
    """The least far from 0 whose success is within one standard error of the greatest (Breiman et al. 1984, section
    3.4.3): a stronger one changes more of the caption, and does not surely do more of what is asked."""
    best = max(answers.values(), key=lambda found: found.success)
    error = np.sqrt(best.success * (1 - best.success) / len(best.done))
    return min((dose for dose, found in answers.items() if found.success >= best.success - error), key=abs)


def lacked(
    words: CaptionWords, videos: Sequence[VideoRecord], captions: np.ndarray, rng: np.random.Generator, count: int
) -> Asked:
    """At most `count` topics of each video that are not in it and have words."""
    of_video = [[t for t, own in enumerate(words.topics) if own and not video.topics[t]] for video in videos]
    return _asked(videos, captions, [rng.permutation(np.array(topics, int))[:count] for topics in of_video])


def told(
    words: CaptionWords, videos: Sequence[VideoRecord], captions: np.ndarray, rng: np.random.Generator, count: int
) -> Asked:
    """At most `count` topics of each video that are in it and of which its caption has a word."""
    said = [set(caption.tolist()) for caption in captions]
    orders = [rng.permutation(np.flatnonzero(video.topics)) for video in videos]
    return _asked(
        videos, captions, [[t for t in order if own & words.topics[t]][:count] for order, own in zip(orders, said)]
    )


def _asked(videos: Sequence[VideoRecord], captions: np.ndarray, topics: Sequence[Sequence[int] | np.ndarray]) -> Asked:
    rows = zip(videos, topics, captions)
    return _pairs([(video, topic, caption) for video, chosen, caption in rows for topic in chosen], captions)


def _pairs(rows: Sequence[tuple[VideoRecord, int, np.ndarray]], like: np.ndarray) -> Asked:
    """Rows of a video, a topic and a caption; captions are arrays as those of ``like``."""
    videos, topics, before = zip(*rows) if rows else ((), (), ())
    return Asked(videos, np.array(topics, int), np.array(before, like.dtype).reshape(-1, like.shape[1]))


def _others(words: CaptionWords, video: VideoRecord, topic: int) -> list[frozenset[int]]:
    """The words of the other topics that a video lacks."""
    return [own for t, own in enumerate(words.topics) if own and t != topic and not video.topics[t]]


def _figures(what: str, done: str, asked: Asked, dose: float, answers: Answers) -> dict[str, float | int | None]:
    figures = {
        "questions": len(asked),
        "dose": dose,
        done: float(np.mean(answers.done)),
        "fluent": answers.success,
        "off_topic": float(np.mean(answers.off_topic)),
        "kept": answers.median_kept,
    }
    return {f"{what}_{name}": value for name, value in figures.items()}


def _count(
    counts: defaultdict[int, dict[str, int]], names: tuple[str, str, str], asked: Asked, answers: Answers
) -> None:
    """Adds to each topic's `counts` how many pairs were asked about, how many are done, and how many fluently."""
    for topic in np.unique(asked.topics).tolist():
        rows = asked.topics == topic
        values = rows.sum(), answers.done[rows].sum(), (answers.done & answers.fluent)[rows].sum()
        counts[topic] |= {name: int(value) for name, value in zip(names, values)}


def _needless(what: str, words: CaptionWords, asked: Asked, answers: Answers) -> dict[str, float]:
    """What steering does to captions that were as it asks already."""
    references = References({str(i): video.captions for i, video in enumerate(asked.videos)})
    before, after = (
        score_captions(
            references, {str(i): words.vocabulary.decode(row.tolist()) for i, row in enumerate(rows)}, ["CIDEr"]
        )
        for rows in (asked.before, answers.after)
    )
    return {
        f"needless_{what}_same": float(np.mean(np.all(asked.before == answers.after, axis=1))),
        f"needless_{what}_cider": after["CIDEr"] - before["CIDEr"],
    }
