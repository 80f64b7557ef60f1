"""Where candidates are tried: one captioner whose encoder is exchanged, so that its graphs are built once for all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from topiclens.components.neurons.activations import NeuronModel, encoder_of, load, mean_activations
from topiclens.components.neurons.batched_captioner import ROWS, BatchedCaptioner
from topiclens.components.neurons.enhancement import enhancement_in
from topiclens.components.neurons.links import TopicLinks, link
from topiclens.components.neurons.pdm import Tally, tally
from topiclens.components.refinement.descent import OnStep
from topiclens.components.refinement.nearness import Nearness
from topiclens.components.refinement.propagation import CorrectedVideo, Propagation, propagate, twin
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.topics.table import Topic
from topiclens.schemas.progress import Progress, no_progress
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.exported import read_meta
from topiclens.trainer.vocabulary import EOS, PAD


@dataclass(eq=False)
class RefinedEncoder:
    """A parent's twin with another encoder.

    Attributes:
        encoder: its weights.
        captions: video id -> caption, as far as they were written.
    """

    encoder: Sequence[np.ndarray]
    captions: dict[str, str] = field(default_factory=dict)


class CandidateCaptioner:
    """What any candidate of one parent says.

    Args:
        folder: the parent's export.
        links: of the parent's neurons.
        enhancement: (topics, neurons), what strength 1 of each topic adds to v; None is what the parent carries.
    Attributes:
        parent: the parent's captioner; untouched: the candidate that is the parent itself.
        model: captions the twin, whichever encoder it has.
    Raises:
        topiclens.components.neurons.activations.NeuronsError: the parent never learnt topics (LSTM-B).
        topiclens.trainer.export.ExportError: there is no such model.
        ValueError: the links are another model's.
    """

    def __init__(self, folder: str | os.PathLike, links: TopicLinks, enhancement: np.ndarray | None = None):
        loaded: NeuronModel = load(folder)
        self.meta = read_meta(folder)
        self.parent, self.vocabulary, self.f, self.links = loaded.captioner, loaded.vocabulary, loaded.f, links
        self.model = BatchedCaptioner(twin(self.parent), **self.meta["decoding"])
        links.check_fit(self.parent.encoder.n_neurons)
        self.enhancement = enhancement_in(folder, links) if enhancement is None else enhancement
        self._encode = encoder_of(self.model.captioner)
        self.untouched = RefinedEncoder(self.parent.encoder.get_weights())

    def captions(
        self, candidate: RefinedEncoder, videos: Sequence[VideoRecord], progress: Progress = no_progress
    ) -> dict[str, str]:
        """Video id -> caption by a candidate, in the order of the videos; none is written twice.

        Args:
            progress: told after each batch.
        """
        missing = [video for video in videos if video.video_id not in candidate.captions]
        self._take(candidate)
        for start in range(0, len(missing), ROWS):
            batch = missing[start : start + ROWS]
            written = self.model.write(batch)
            candidate.captions.update(
                (video.video_id, self.vocabulary.decode(words.tolist())) for video, words in zip(batch, written)
            )
            progress("Captioning", (start + len(batch)) / len(missing))
        return {video.video_id: candidate.captions[video.video_id] for video in videos}

    def topic_score(self, candidate: RefinedEncoder, video: VideoRecord, topic: int) -> float:
        """f(mean v) of a topic in a video."""
        self._take(candidate)
        return float(self.model.topic_scores([video])[0, topic])

    def expected(self, candidate: RefinedEncoder, video: VideoRecord, caption: str, words: Iterable[str]) -> float:
        """How many of some words a candidate expects to say on its way along a caption; see `BatchedCaptioner`."""
        known = [self.vocabulary.id(word) for word in words if word in self.vocabulary]
        if not known:
            return 0.0
        wanted = np.zeros((1, len(self.vocabulary)), np.float32)
        wanted[0, known] = 1
        steps = np.array([[*(self.vocabulary.id(word) for word in caption.split()), EOS, PAD]])
        self._take(candidate)
        return float(np.exp(self.model.expected([video], steps, wanted)[0]))

    def named_anew(
        self, candidate: RefinedEncoder, train: Iterable[VideoRecord], topics: Sequence[Topic]
    ) -> tuple[Tally, TopicLinks]:
        """The tally and the links of a candidate's neurons, on the training videos."""
        self._take(candidate)
        found = mean_activations(train, self._encode)
        counted = tally(found.mean, found.topics, self.f)
        return counted, link(counted, topics)

    def taught(
        self,
        videos: Sequence[CorrectedVideo],
        mu: float,
        settings: RefinementSettings,
        nearness: Nearness,
        on_step: OnStep | None = None,
    ) -> tuple[Propagation, RefinedEncoder]:
        """The parent with an encoder that learnt what is said of videos (eq. 10).

        Args:
            mu: of eq. 10.
            settings: the optimiser's.
            nearness: of the parent.
            on_step: see `topiclens.components.refinement.propagation.propagate`.
        """
        refined = propagate(
            self.parent,
            self.enhancement,
            videos,
            nearness=nearness,
            mu=mu,
            steps=settings.steps,
            on_step=on_step,
        )
        return refined, RefinedEncoder(refined.captioner.encoder.get_weights())

    def _take(self, candidate: RefinedEncoder) -> None:
        self.model.captioner.encoder.set_weights(candidate.encoder)
