"""What neurons do to captions: words go without a topic's neurons, come and go by dose, and are accounted for.

Every model is asked the same questions: they follow from the videos, the topics' words and the seed alone. What is
suppressed and accounted for are words of the model's own captions. Where a topic has no neuron nothing can be changed,
and the effect is 0.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from topiclens.components.neurons.accounts import AccountFigures, accounts
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.caption_words import CaptionWords
from topiclens.components.neurons.deletion import DeletionEffects, deletion
from topiclens.components.neurons.links import TopicLinks
from topiclens.components.neurons.steering import SteeringEffects, steering
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.vocabulary import Vocabulary

VIDEOS = 100  # videos that are asked about, by default


@dataclass(frozen=True)
class CaptionEffects(AccountFigures, SteeringEffects, DeletionEffects):
    """What a model's neurons do to captions of held-out videos; None where nothing could be asked."""


def sampled(ids: Iterable[str], count: int, seed: int) -> frozenset[str]:
    """At most `count` of the videos, the same for the same ids in any order."""
    ids = sorted(ids)
    return frozenset(np.random.default_rng(seed).permutation(ids)[:count].tolist())


def drawn(videos: Iterable[VideoRecord], count: int, seed: int) -> list[VideoRecord]:
    """At most `count` of many videos, the same for the same ids in any order; no more than these are held at once."""

    def lot(video: VideoRecord) -> bytes:
        return hashlib.blake2b(f"{seed} {video.video_id}".encode()).digest()

    return heapq.nsmallest(count, videos, key=lot)


def measure_effects(
    model: BatchedCaptioner,
    vocabulary: Vocabulary,
    videos: Sequence[VideoRecord],
    links: TopicLinks,
    enhancement: np.ndarray,
    training: Sequence[VideoRecord],
    *,
    seed: int,
) -> CaptionEffects:
    """Deletion, steering and accounts of a captioner, which may be LSTM-B: its own f plays no part.

    Args:
        videos: held-out; the time taken is proportional to their number.
        links: of the training videos.
        enhancement: (topics, neurons), see `named_enhancement`.
        training: some training videos, by which doses are chosen and with which held-out videos are compared.
        seed: of the random neurons and of the topics that are steered.
    """
    deleting, steered = np.random.default_rng(seed).spawn(2)
    words = CaptionWords(vocabulary, links)
    deleted = deletion(model, words, videos, links, rng=deleting)
    if not videos:
        return CaptionEffects(**vars(deleted))
    captions = model.write(videos)
    moved = steering(model, words, enhancement, videos, captions, training, rng=steered)
    accounted = accounts(model.captioner, words, enhancement, videos, captions, training)
    return CaptionEffects(**vars(deleted), **vars(moved), **vars(accounted))
