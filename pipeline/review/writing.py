"""Captions that people write on the page: checked against the model's words, and which topics they speak of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from topiclens.components.refinement.acquisition import MissingTopic, PredictedCaption, TopicWords, missing_topics
from topiclens.schemas.corrections import WrittenCaption
from topiclens.serving.review.backend import Refused, ReviewError
from topiclens.serving.review.shown import MOST_WRITTEN, ReviewedCaption
from topiclens.trainer.vocabulary import Vocabulary, tokenize


def check_caption(text: str, said: str, vocabulary: Vocabulary) -> str:
    """The caption without white space around it and twice in it.

    Args:
        said: what the served version says.
    Raises:
        ReviewError: it is too long, without a word, or in other words than the model's.
        Refused: it is what the model says.
    """
    text, words = " ".join(text.split()), tokenize(text)
    if len(text) > MOST_WRITTEN:
        raise ReviewError(f"A caption has at most {MOST_WRITTEN} characters, and this has {len(text)}. Shorten it.")
    if not words:
        raise ReviewError("This caption has no word. Write what the clip shows, in a sentence.")
    if len(unknown_words(text, vocabulary)) == len(set(words)):
        raise ReviewError(
            f"The model knows none of these words. Write in the language of its captions, such as “{said}”."
        )
    if words == tokenize(said):
        raise Refused("That is what the caption says already. Call it fine.")
    return text


def unknown_words(text: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The words that the model cannot say, each once."""
    return tuple(word for word in dict.fromkeys(tokenize(text)) if word not in vocabulary)


def review_captions(written: Iterable[WrittenCaption], vocabulary: Vocabulary) -> tuple[ReviewedCaption, ...]:
    """Written captions as the page shows them, newest first."""
    shown = [ReviewedCaption(**vars(one), unknown=unknown_words(one.text, vocabulary)) for one in written]
    return tuple(reversed(shown))


def add_spoken_of(
    missing: Sequence[MissingTopic], said: str, written: Iterable[WrittenCaption], topics: TopicWords
) -> tuple[tuple[MissingTopic, ...], dict[int, tuple[str, ...]]]:
    """What a caption misses by what people wrote in its place, before what it misses otherwise; and who wrote of each
    topic, by its id.

    A written caption speaks of the topics of its words, as the topic model knows them (`missing_topics`).
    """
    by_topic: dict[int, MissingTopic] = {}
    writers: dict[int, tuple[str, ...]] = {}
    for one in written:
        if one.withdrawn_by is None:
            for topic in missing_topics(PredictedCaption(said, 0.0), topics, [one.text]):
                writers[topic.topic] = tuple(dict.fromkeys([*writers.get(topic.topic, ()), one.by]))
                by_topic.setdefault(topic.topic, topic)
    known = {topic.topic: topic for topic in missing}
    spoken = []
    for number, topic in by_topic.items():
        wrote = f"the caption that {' and '.join(writers[number])} wrote speaks of it"
        others = known[number].reasons if number in known else ()
        spoken.append(replace(known.get(number, topic), reasons=(wrote, *others)))
    return (*spoken, *(topic for topic in missing if topic.topic not in by_topic)), writers
