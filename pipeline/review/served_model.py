"""The model that answers: asked over its server's API, whichever version that has, and never loaded here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from topiclens.serving.answers import ExplainedCaption, WhatIf
from topiclens.serving.client import CaptionClient
from topiclens.serving.errors import ServerUnavailable, ServingError
from topiclens.serving.review.backend import ReviewError, Unavailable

# Seconds: for one request; to tell a version; until a server that was named must have a model that answers.
_TIMEOUT, _TELLING, _LOADING = 60.0, 5.0, 15.0


class ServedModel:
    """The served model, for several threads.

    Args:
        address: of its server.
        n_topics: of the run, as its topic model has them.
    """

    def __init__(self, address: str, n_topics: int):
        self._client = CaptionClient(address, timeout=_TIMEOUT, retries=2)
        self._n_topics = n_topics

    def version(self) -> str:
        """The version that answers now."""
        with _errors_for_people():
            return str(self._client.wait_until_ready(timeout=_TELLING))

    def wait(self) -> str:
        """Waits until a version answers.

        Raises:
            ServingError: none does; the message says what to do.
        """
        return str(self._client.wait_until_ready(timeout=_LOADING))

    def explain(self, clips: Sequence[np.ndarray], version: str) -> list[ExplainedCaption]:
        """Captions clips (time, feature_dim) and tells what the model did to write them.

        Raises:
            Unavailable: another version answers, or one whose topics are not this run's.
        """
        with _errors_for_people():
            answers = self._client.explain_all(clips)
        self._check(version)
        for scores in (answer.topic_scores for answer in answers if answer.topic_scores is not None):
            if len(scores) != self._n_topics:
                raise Unavailable(
                    f"The model that answers has {len(scores)} topics, and the newest run {self._n_topics}. Start the "
                    "page again once a model of that run is served."
                )
        return answers

    def what_if(self, frames: np.ndarray, strengths: Mapping[int, float]) -> tuple[WhatIf, float]:
        """What it would say of a clip with topics enhanced, and in how many milliseconds it said so."""
        deltas = np.zeros((1, self._n_topics), np.float32)
        deltas[0, list(strengths)] = list(strengths.values())
        begun = time.perf_counter()
        with _errors_for_people():
            (answer,) = self._client.what_if_all([frames], deltas)
        return answer, 1000 * (time.perf_counter() - begun)

    def doses(self, frames: np.ndarray, topic: int, strengths: Sequence[float], version: str) -> list[WhatIf]:
        """What it would say of a clip at each strength of one topic; Unavailable where another version answers."""
        deltas = np.zeros((len(strengths), self._n_topics), np.float32)
        deltas[:, topic] = strengths
        with _errors_for_people():
            answers = self._client.what_if_all([frames] * len(strengths), deltas)
        self._check(version)
        return answers

    def signatures(self) -> Mapping:
        """What it can do."""
        with _errors_for_people():
            return self._client.metadata().signatures

    def caption_frames(self, jpegs: Sequence[bytes]) -> ExplainedCaption:
        """Captions a clip that nobody has seen, through the model's own frame network."""
        with _errors_for_people():
            return self._client.explain_all([jpegs])[0]

    def _check(self, version: str) -> None:
        """What was answered is kept as this version's, so that it must be."""
        if self.version() != version:
            raise Unavailable("Another version of the model has just been published. Look at the clip again.")

    def close(self) -> None:
        self._client.close()


@contextlib.contextmanager
def _errors_for_people() -> Iterator[None]:
    """What a person at the page is told where the server fails: addresses and commands are for whoever runs it."""
    try:
        yield
    except ServerUnavailable as error:
        raise Unavailable("The model server does not answer. Whoever started the page can start it again.") from error
    except ServingError as error:
        if error.code == "INVALID_ARGUMENT":
            raise ReviewError(str(error)) from error
        raise Unavailable(str(error)) from error
