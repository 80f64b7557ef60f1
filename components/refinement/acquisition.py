"""How much a person's look at a caption may bring: which topics it seems to miss, who says so, and how sure it is.

A queue of clips for people begins with those of the largest expected gain. All that goes into it is a probability or a
share, 0 to 1, so that the reasons can be given with their numbers.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.topics.documents import content_words, index_of
from topiclens.components.topics.labels import by_label
from topiclens.components.topics.model import TopicModel
from topiclens.trainer.vocabulary import tokenize

# From this probability on a word, a score or a doubt is worth a sentence.
WORTH_SAYING = 0.3
# A person who used a word that speaks of a topic this surely mentioned the topic.
MENTIONS = 0.5
WORDS_SHOWN = 3


@dataclass(frozen=True, eq=False)
class PredictedCaption:
    """What a captioner made of a clip."""

    caption: str
    log_prob: float  # of the caption, its end included
    topic_scores: np.ndarray | None = None  # (topics,), f(mean v) of eq. 8; None where the captioner never learnt f


@dataclass(frozen=True)
class MissingTopic:
    """A topic that a caption seems to miss."""

    topic: int  # its id
    name: str
    doubt: float  # 0 to 1, how surely it is missing
    reasons: tuple[str, ...]  # in words, the strongest first


@dataclass(frozen=True)
class AcquisitionScore:
    """What a look at a clip may bring."""

    value: float  # 0 to 1, the quadratic mean of those of the next three that are known
    uncertainty: float  # 1 less the geometric mean of the words' probabilities
    missing: float  # the doubt of the topic that is most surely missing
    disagreement: float | None  # with the references, 1 less CIDEr; None where there are no references
    reasons: tuple[str, ...]  # in words, the strongest first


@dataclass(frozen=True, eq=False)
class TopicWords:
    """What words say of topics."""

    names: tuple[str, ...]  # of the topics, by id
    words: tuple[frozenset[str], ...]  # of each topic, the most probable: a caption with one of them names the topic
    vocabulary: tuple[str, ...]  # the words of the topic model
    given_word: np.ndarray  # (topics, vocabulary), p(topic | word): the share of the word's tokens that are the topic's
    # (topics,) bool, False where no video can have the topic, so that no caption misses it: it is banned, merged into
    # another, or was not found again
    possible: np.ndarray

    @classmethod
    def of(cls, model: TopicModel) -> TopicWords:
        label_of = np.arange(len(model.counts)) if model.label_of is None else model.label_of
        counts = by_label(model.counts.T, label_of, model.n_topics).T
        return cls(
            names=tuple(topic.name for topic in model.topics),
            words=tuple(frozenset(topic.words) for topic in model.topics),
            vocabulary=model.words,
            given_word=counts / np.maximum(model.counts.sum(axis=0), 1),
            possible=np.array([topic.fate is None for topic in model.topics]),
        )

    @functools.cached_property
    def _own(self) -> np.ndarray:
        """(topics, vocabulary) bool, the words by which a caption names a topic."""
        index = index_of(self.vocabulary)
        own = np.zeros(self.given_word.shape, bool)
        for topic, words in enumerate(self.words):
            own[topic, [index[word] for word in words if word in index]] = True
        return own

    def numbers(self, words: Sequence[str]) -> list[int]:
        """The places in the vocabulary of those words that are in it, each once."""
        index = index_of(self.vocabulary)
        return [index[word] for word in dict.fromkeys(words) if word in index]

    def named_by(self, caption: str) -> np.ndarray:
        """(topics,): how surely a caption names each topic: by the topic's own word that says most of it."""
        held = self.numbers(tokenize(caption))
        return np.where(self._own[:, held], self.given_word[:, held], 0).max(axis=1, initial=0)

    def told_by(self, words: Sequence[str]) -> np.ndarray:
        """(topics,): how surely a person's words speak of each topic, by the word that says most of it."""
        return self.given_word[:, self.numbers(words)].max(axis=1, initial=0)


def missing_topics(
    said: PredictedCaption, topics: TopicWords, references: Sequence[str] = (), neighbours: np.ndarray | None = None
) -> tuple[MissingTopic, ...]:
    """The topics that a caption seems to miss, the surest first.

    Three sources each give a probability that topic t belongs to the clip: the captioner's own score f_t, which least
    squares on 0/1 labels (eq. 8) makes an estimate of just that; what people wrote, by the mean of how surely each text
    speaks of t; and the share of similar clips that have t. Together they are wrong only if each is,
    1 - (1 - f_t) (1 - told_t) (1 - near_t); and what the caption already names is missing only as far as its words can
    mean something else, 1 - named_t.

    Args:
        neighbours: (clips, topics), 0 or 1: the topics of similar clips, where these are known.
    """
    written = set(tokenize(said.caption))
    unsaid = [[word for word in content_words([text]) if word not in written] for text in references]
    none = np.zeros(len(topics.names))
    seen = none if said.topic_scores is None else np.clip(said.topic_scores, 0, 1)
    told = np.mean([topics.told_by(words) for words in unsaid], axis=0) if unsaid else none
    neighbours = none[None] if neighbours is None or not len(neighbours) else neighbours
    near = np.mean(neighbours, axis=0)
    belongs = np.where(topics.possible, 1 - (1 - seen) * (1 - told) * (1 - near), 0)
    doubts = belongs * (1 - topics.named_by(said.caption))

    def reasons(topic: int) -> Iterator[tuple[float, str]]:
        name = topics.names[topic]
        if told[topic] >= WORTH_SAYING:
            yield told[topic], _mentions(topics, topic, unsaid)
        if seen[topic] >= WORTH_SAYING:
            yield seen[topic], f"the frames say “{name}” ({seen[topic]:.2f}), the caption does not"
        if near[topic] >= WORTH_SAYING:
            similar = f"{round(near[topic] * len(neighbours))} of {len(neighbours)} similar clips"
            yield near[topic], f"{similar} are about “{name}”"

    found = []
    for topic in map(int, np.argsort(-doubts, kind="stable")):
        if doubts[topic] < WORTH_SAYING:
            break
        sentences = _strongest_first(reasons(topic))
        if sentences:
            found.append(MissingTopic(topic, topics.names[topic], float(doubts[topic]), sentences))
    return tuple(found)


def acquisition_score(
    said: PredictedCaption, missing: Sequence[MissingTopic], cider: float | None = None
) -> AcquisitionScore:
    """The quadratic mean of three doubts of a caption: of the captioner, of the topics, and of the people who wrote.

    One strong doubt counts for more than two weak ones, and a low one takes little away: most captions miss no topic
    that can be named, and yet are wrong where the captioner is unsure.

    Args:
        cider: of the caption by its references; None where there are none. From 1 on people agree with it.
    """
    likely = math.exp(said.log_prob / (len(said.caption.split()) + 1))  # the caption's end is a word too
    uncertainty = min(max(1 - likely, 0.0), 1.0)
    doubt = missing[0].doubt if missing else 0.0
    disagreement = None if cider is None else 1 - min(max(cider, 0.0), 1.0)
    known = [value for value in (uncertainty, doubt, disagreement) if value is not None]

    def reasons() -> Iterator[tuple[float, str]]:
        if missing:
            yield doubt, missing[0].reasons[0]
        if disagreement is not None and disagreement >= WORTH_SAYING:
            yield disagreement, f"people describe it otherwise (CIDEr {cider:.2f})"
        if uncertainty >= WORTH_SAYING:
            yield uncertainty, f"the model is unsure of its words ({likely:.2f} each)"

    value = math.hypot(*known) / math.sqrt(len(known))
    return AcquisitionScore(value, uncertainty, doubt, disagreement, _strongest_first(reasons()))


def _mentions(topics: TopicWords, topic: int, told: Sequence[Sequence[str]]) -> str:
    """How many people speak of a topic, and in which words. `told`: each person's words that the caption lacks."""
    speaking = [
        {word for word in words if topics.given_word[topic, topics.numbers([word])].sum() >= MENTIONS} for words in told
    ]
    people = sum(map(bool, speaking))
    if not people:  # each of them hints at it, none surely
        return f"what people wrote hints at “{topics.names[topic]}”, the caption does not"
    used = Counter(word for words in speaking for word in sorted(words))
    shown = ", ".join(f"“{word}”" for word, _ in used.most_common(WORDS_SHOWN))
    return f"{people} of {len(told)} people mention {shown}, the caption does not"


def _strongest_first(reasons: Iterable[tuple[float, str]]) -> tuple[str, ...]:
    return tuple(text for _, text in sorted(reasons, key=lambda reason: -reason[0]))
