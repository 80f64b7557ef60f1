"""Where candidates are tried: one captioner whose encoder is exchanged, so that its graphs are built once for all."""

from __future__ import annotations

import bisect
import functools
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from topiclens.components.captions.evaluator import References, score_captions
from topiclens.components.neurons.activations import NeuronModel, encoder_of, load, mean_activations
from topiclens.components.neurons.batched_captioner import ROWS, BatchedCaptioner
from topiclens.components.neurons.enhancement import enhancement_in
from topiclens.components.neurons.links import TopicLinks, name_all
from topiclens.components.neurons.pdm import Tally
from topiclens.components.refinement.descent import OnStep
from topiclens.components.refinement.gate import Half, gained
from topiclens.components.refinement.naming_words import naming_words
from topiclens.components.refinement.nearness import WeightNearness, near_and_others, nearness_of
from topiclens.components.refinement.propagation import CorrectedVideo, Propagation, propagate
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.topics.table import Topic
from topiclens.schemas.progress import Progress, no_progress
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.exported import read_meta
from topiclens.trainer.vocabulary import EOS, PAD

METRICS = ("BLEU-4", "CIDEr")
Refined = TypeVar("Refined")


@dataclass(eq=False)
class RefinedEncoder:
    """An encoder in place of the parent's; `captions` are those that it wrote so far, by video id."""

    encoder: Sequence[np.ndarray]
    captions: dict[str, str] = field(default_factory=dict)


class CandidateCaptioner:
    """What any candidate of one parent says.

    Args:
        enhancement: (topics, neurons), what strength 1 of each topic adds to v; None is what the parent carries.
        loaded: the parent with its f, for one whose f was fitted afterwards; None loads it from the folder.
    Attributes:
        untouched: the candidate that is the parent itself.
        naming: the words by which a caption names each topic, by its id.
        model: captions with whichever encoder it was given last.
    Raises:
        topiclens.components.neurons.activations.NeuronsError: the parent never learnt topics (LSTM-B).
        topiclens.trainer.export.ExportError: there is no such model.
        ValueError: the links are another model's.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        links: TopicLinks,
        enhancement: np.ndarray | None = None,
        *,
        loaded: NeuronModel | None = None,
    ):
        loaded = loaded or load(folder)
        self.meta = read_meta(folder)
        self.parent, self.vocabulary, self.f, self.links = loaded.captioner, loaded.vocabulary, loaded.f, links
        self.model = BatchedCaptioner(twin(self.parent), **self.meta["decoding"])
        links.check_fit(self.parent.encoder.n_neurons)
        self.naming = naming_words(self.parent, self.vocabulary, links.topics)
        self.enhancement = enhancement_in(folder, links) if enhancement is None else enhancement
        self._encode = encoder_of(self.model.captioner)
        self.untouched = RefinedEncoder(self.parent.encoder.get_weights())

    def captions(
        self, candidate: RefinedEncoder, videos: Sequence[VideoRecord], progress: Progress = no_progress
    ) -> dict[str, str]:
        """Video id -> caption by a candidate, in the order of the videos; none is written twice."""
        missing = [video for video in videos if video.video_id not in candidate.captions]
        self._take(candidate)
        for start in range(0, len(missing), ROWS):
            batch = missing[start : start + ROWS]
            texts = (self.vocabulary.decode(words.tolist()) for words in self.model.write(batch))
            candidate.captions.update(zip((video.video_id for video in batch), texts))
            progress("Captioning", (start + len(batch)) / len(missing))
        return {video.video_id: candidate.captions[video.video_id] for video in videos}

    def before_and_after(self, candidate: RefinedEncoder, half: VideoRecord, topic: int, words: Sequence[str]) -> Half:
        """What the parent and a candidate say of half a video, and expect of a topic and its words."""
        both = (self.untouched, candidate)
        before, after = (self.captions(one, [half])[half.video_id] for one in both)
        scores, expected = [], []
        for one in both:
            self._take(one)
            scores.append(float(self.model.topic_scores([half])[0, topic]))
            expected.append(self._expected(half, before, words))
        return Half((before, after), (scores[0], scores[1]), (expected[0], expected[1]))

    def named_anew(
        self, candidate: RefinedEncoder, train: Iterable[VideoRecord], topics: Sequence[Topic]
    ) -> tuple[Tally, TopicLinks]:
        """The tally and the links of a candidate's neurons, on the training videos."""
        self._take(candidate)
        found = mean_activations(train, self._encode)
        return name_all(found.mean, found.topics, self.f, topics, self.links.naming, self.links.topic_neurons)

    def _expected(self, video: VideoRecord, caption: str, words: Iterable[str]) -> float:
        """How many of some words the model expects to say along a caption; see `BatchedCaptioner.expected`."""
        known = [self.vocabulary.id(word) for word in words if word in self.vocabulary]
        if not known:
            return 0.0
        wanted = np.zeros((1, len(self.vocabulary)), np.float32)
        wanted[0, known] = 1
        steps = np.array([[*(self.vocabulary.id(word) for word in caption.split()), EOS, PAD]])
        return float(np.exp(self.model.expected([video], steps, wanted)[0]))

    def _take(self, candidate: RefinedEncoder) -> None:
        self.model.captioner.encoder.set_weights(candidate.encoder)


def twin(captioner: Captioner) -> Captioner:
    """Another captioner with the same weights, bit for bit."""
    copy = Captioner(captioner.config, name=captioner.name)
    copy.set_weights(captioner.get_weights())
    return copy


class Teacher:
    """Teaches a parent, and says what that costs the captions of videos that nobody corrected.

    Some videos of training measure how near an encoder stays to its parent, others measure the cost: validation is for
    the gate alone.
    """

    def __init__(self, candidates: CandidateCaptioner, settings: RefinementSettings, train: Sequence[VideoRecord]):
        self._candidates, self._settings = candidates, settings
        self._near, self._others = near_and_others(train, settings.seed)

    @functools.cached_property
    def _nearness(self) -> WeightNearness:
        return nearness_of(self._settings.nearness, self._candidates.parent, self._near)

    @functools.cached_property
    def _references(self) -> References:
        return References({video.video_id: video.captions for video in self._others})

    def teach(
        self, videos: Sequence[CorrectedVideo], mu: float, on_step: OnStep | None = None
    ) -> tuple[Propagation, RefinedEncoder]:
        """The parent with an encoder that learnt what is said of videos (eq. 10)."""
        refined = propagate(
            self._candidates.parent, self._candidates.enhancement, videos,
            nearness=self._nearness, mu=mu, steps=self._settings.steps, on_step=on_step,
        )  # fmt: skip
        return refined, RefinedEncoder(refined.encoder)

    def affords(self, candidate: RefinedEncoder, topics: Collection[int]) -> bool:
        """Whether a candidate that was taught some topics costs captions of other videos no more than it may."""
        settings = self._settings
        return self.cost(candidate) <= settings.max_cost and self.wrong(candidate, topics) <= settings.max_wrong

    def wrong(self, candidate: RefinedEncoder, topics: Collection[int]) -> float:
        """The share of videos without a taught topic, and whose caption did not name it, that name it now."""
        naming = self._candidates.naming
        before, after = (
            self._candidates.captions(one, self._others) for one in (self._candidates.untouched, candidate)
        )
        asked = [
            bool(gained(naming[topic], before[video.video_id], after[video.video_id]))
            for video in self._others
            for topic in topics
            if not video.topics[topic] and not gained(naming[topic], "", before[video.video_id])
        ]
        return float(np.mean(asked)) if asked else 0.0

    def cost(self, candidate: RefinedEncoder) -> float:
        """By which share BLEU-4 and CIDEr are below the parent's, the mean of both; below 0 where they are better."""
        before, after = (
            score_captions(self._references, self._candidates.captions(one, self._others), METRICS)
            for one in (self._candidates.untouched, candidate)
        )
        return float(np.mean([(before[m] - after[m]) / before[m] if before[m] else 0.0 for m in METRICS]))


def furthest(
    mus: Iterable[float],
    teach: Callable[[float], Refined],
    is_said: Callable[[Refined], bool],
    affords: Callable[[Refined], bool],
) -> tuple[Refined, float]:
    """The refinement that goes furthest from its parent for what it may cost, and its mu of eq. 10.

    The smallest mu is taken whose cost other videos afford, since what is taught no more strongly than one video
    asks for does not hold in others. It is found by halving the range: what is taught further costs more. Where the
    corrected videos do not all say by it what they should, the next mu by which they do is taken, whatever it costs:
    the gate has the last word on that. The largest mu may be taken at any cost.
    """
    grid, taught = sorted(set(mus), reverse=True), functools.cache(teach)
    too_dear = bisect.bisect_left(grid, True, lo=1, key=lambda mu: not affords(taught(mu)))
    affordable = grid[too_dear - 1]
    mu = next((mu for mu in grid[too_dear - 1 :] if is_said(taught(mu))), affordable)
    return taught(mu), mu
