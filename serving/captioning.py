"""The one interface of captioners: three questions about a video.

``Captioning`` turns videos into batches and outputs into answers (serving/answers.py). A subclass runs one batch: over
the network (serving/client.py) or in this process (serving/captioner.py).
"""

from __future__ import annotations

import abc
import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeAlias, TypeVar, cast

import numpy as np

from topiclens.schemas.features import N_FRAMES
from topiclens.schemas.plain import from_plain
from topiclens.schemas.stretches import strengths_over_time, stretch_of
from topiclens.schemas.timelines import HeatMap
from topiclens.schemas.topic_lookup import NamedTopic, UnknownTopic, find_topic
from topiclens.serving import signatures
from topiclens.serving.answers import Answer, Caption, ExplainedCaption, WhatIf, read_answers
from topiclens.serving.errors import (
    InvalidClip,
    InvalidStrength,
    NeedsWeights,
    RequestTooLarge,
    WrongSignature,
    missing_signature,
)
from topiclens.serving.videos import Reader, Video, open_clip, prepare_clip, seconds_of

# 28 JPEG frames of 360 lines take about 2 MB, so a batch of eight fits with room to spare.
MAX_MESSAGE_BYTES = 32 * 2**20
# 1 is the paper's strength, and at 8 the sliders and the sweeps of strengths end; far beyond that, captions break down.
MAX_STRENGTH = 100.0


@dataclass(frozen=True)
class ModelTopic:
    """A topic of a served model: its id, its name, and its most probable words."""

    id: int
    name: str
    words: tuple[str, ...]


# The JPEG frames of a clip and the words of its caption -> heat maps, and a JPEG of each.
DrawHeatMaps: TypeAlias = Callable[[Sequence[bytes], Sequence[str]], tuple[Sequence[HeatMap], Sequence[bytes]]]
Scored = TypeVar("Scored", ExplainedCaption, WhatIf)


@dataclass(frozen=True)
class _Question(Generic[Answer]):
    """The signatures that answer a question, of features and of JPEG frames, and the outputs that the answer needs."""

    of_features: str
    of_frames: str
    answer: type[Answer]
    needed: tuple[str, ...] = ()


_CAPTION = _Question(signatures.FEATURES_SIGNATURE, signatures.FRAMES_SIGNATURE, Caption)
_EXPLAIN = _Question(
    signatures.EXPLAIN_SIGNATURE, signatures.EXPLAIN_FRAMES_SIGNATURE, ExplainedCaption,
    ("words", "attention", "activations"),
)  # fmt: skip
_RELEVANCE = _Question(
    signatures.RELEVANCE_SIGNATURE, signatures.RELEVANCE_FRAMES_SIGNATURE, ExplainedCaption,
    (*_EXPLAIN.needed, "logits", "frame_relevance", "neuron_relevance", "word_relevance"),
)  # fmt: skip
_WHAT_IF = _Question(signatures.WHAT_IF_SIGNATURE, signatures.WHAT_IF_FRAMES_SIGNATURE, WhatIf, ("topic_scores",))
_WHAT_IF_OVER_TIME = _Question(
    signatures.WHAT_IF_OVER_TIME_SIGNATURE, signatures.WHAT_IF_OVER_TIME_FRAMES_SIGNATURE, WhatIf, _WHAT_IF.needed
)


class Captioning(abc.ABC):
    """Captions videos, explains the captions, and says what it would write if the videos showed other topics.

    A video is a path, features (time, dim), RGB frames (time, height, width, 3) uint8, or a list of JPEG frames: see
    `topiclens.serving.videos.Video`. The methods that end in ``_all`` take many videos and ask for them in batches.

    Args:
        reader: reads the videos that are given as paths; None where only arrays and JPEG frames are taken.
        topics: of the model, in order of their ids, so that they can be named; () asks the model for them.
        heat_maps: draws the heat maps of `explain`; None where the model's weights are not at hand.
        max_batch: the most clips in one request.
        max_message_bytes: the most bytes of frames in one request; a batch is split to fit.
        n_frames: clips are padded to at least this many frames, since a server can only batch requests of equal
            length. None pads to a batch's longest clip.
    """

    def __init__(
        self,
        *,
        reader: Reader | None = None,
        topics: Sequence[NamedTopic] = (),
        heat_maps: DrawHeatMaps | None = None,
        max_batch: int = 8,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        n_frames: int | None = N_FRAMES,
    ):
        if max_batch < 1:
            raise ValueError(f"max_batch must be at least 1, got {max_batch}.")
        self._reader = reader
        self._topics = tuple(topics)
        self._heat_maps = heat_maps
        self._max_batch = max_batch
        self._max_message_bytes = max_message_bytes
        self._n_frames = n_frames or 1

    @property
    @abc.abstractmethod
    def signatures(self) -> Mapping[str, signatures.Signature]:
        """What the model can do, by name."""

    @abc.abstractmethod
    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs one batch through a signature; a ServingError says why it cannot.

        Arrays by name go in and come out, each leading with the batch; strings are objects (bytes or str).
        """

    @property
    def topics(self) -> tuple[NamedTopic, ...]:
        """The topics of the model, in order of their ids; () where they have no names."""
        return self._topics or tuple(from_plain(ModelTopic, topic) for topic in self.about().get("topics", ()))

    def about(self) -> dict[str, Any]:
        """`features`, how clips are sampled for the model, and `topics`; empty for models of TopicLens 0.1."""
        if signatures.ABOUT_SIGNATURE not in self.signatures:
            return {}
        outputs = self.predict(signatures.ABOUT_SIGNATURE, {signatures.QUESTION_INPUT: np.array([b""], object)})
        return cast("dict[str, Any]", json.loads(next(iter(outputs.values()))[0]))

    def caption(self, video: Video) -> Caption:
        """Captions a video."""
        return self.caption_all([video])[0]

    def explain(self, video: Video, *, pixels: bool = False) -> ExplainedCaption:
        """Captions a video, with the frames that each word looks at, the neurons, the topics, and the relevance.

        Args:
            pixels: whether to draw heat maps too: which parts of the frames speak for the caption and for each word.
                They need a model that `topiclens.load` opened, and a video that is given as a file or as frames.
        Raises:
            NeedsWeights: `pixels` was asked of a served model.
            InvalidClip: `pixels` was asked of features.
            ValueError: `pixels` cannot be had of the network that sees the frames: a layer of it has no rule.
        """
        if pixels and self._heat_maps is None:
            raise NeedsWeights(
                "Heat maps need the model's weights, which a server does not hand out. Open the model's folder in this "
                "process: topiclens.load('ROOT').explain(video, pixels=True)."
            )
        video = open_clip(0, video, self._reader)
        clip = prepare_clip(0, video)
        if pixels and isinstance(clip, np.ndarray):
            raise InvalidClip(
                "Heat maps are drawn on a clip's frames, and this clip was given as features. Give the video file, its "
                "frames, or JPEGs of them."
            )
        (explained,) = self._named(self.explain_all([clip], relevance=True))
        explained = dataclasses.replace(explained, seconds=seconds_of(video))
        if isinstance(clip, np.ndarray):
            return explained
        explained = dataclasses.replace(explained, frames=tuple(clip))
        if not pixels or self._heat_maps is None:
            return explained
        maps, pictures = self._heat_maps(clip, explained.words) if explained.words else ((), ())
        return dataclasses.replace(explained, heat_maps=tuple(maps), heat_pictures=tuple(pictures))

    def what_if(
        self,
        video: Video,
        topics: Mapping[int | str, float],
        *,
        from_s: float | None = None,
        to_s: float | None = None,
    ) -> WhatIf:
        """Captions a video as if it showed some topics more, or less (Dong et al. 2017, section 4). Nothing is trained.

        Args:
            topics: the strength of each topic, by its id or name, such as ``{"dance": 1.0}``. 1 adds what the topic
                adds in the videos that show it; a negative strength takes the topic away.
            from_s, to_s: the stretch of the clip in which it shows them so, in seconds from the film's first frame on;
                without them, at every frame. The video must be a film, or a `topiclens.serving.videos.TimedClip`.
        Raises:
            InvalidStrength: a strength is not finite or beyond ``MAX_STRENGTH``.
            topiclens.schemas.stretches.StretchError: no frame of the clip lies in the stretch.
            topiclens.schemas.topic_lookup.UnknownTopic: the model has no such topic, or several topics may be meant.
        """
        stretch, video = stretch_of(from_s, to_s), open_clip(0, video, self._reader)
        deltas = strengths_over_time(self.strengths(topics), stretch, seconds_of(video))
        return self._named(self.what_if_all([video], deltas[None]))[0]

    def caption_all(self, videos: Iterable[Video]) -> list[Caption]:
        """Captions videos; one caption a video, in order."""
        return self._answer_all(_CAPTION, videos)

    def explain_all(self, videos: Iterable[Video], *, relevance: bool = False) -> list[ExplainedCaption]:
        """Explains the captions of videos, one answer a video, in order, without frames and without topics' names.

        `relevance` takes several times as long; a model that was exported before there was relevance gives none.
        """
        relevance = relevance and signatures.RELEVANCE_SIGNATURE in self.signatures
        return self._answer_all(_RELEVANCE if relevance else _EXPLAIN, videos)

    def what_if_all(self, videos: Sequence[Video], topic_deltas: np.ndarray) -> list[WhatIf]:
        """`what_if` of many videos, one answer a video, in order.

        `topic_deltas` (videos, topics) are the strengths, 0 leaving a topic as it is; or (videos, time, topics), those
        of each frame. InvalidStrength: there is not one row a video, or a frame, or as `what_if` raises it.
        """
        clips = [prepare_clip(index, video, self._reader) for index, video in enumerate(videos)]
        deltas = _checked_deltas(topic_deltas, [len(clip) for clip in clips])
        return self._answer_all(_WHAT_IF if deltas.ndim == 2 else _WHAT_IF_OVER_TIME, clips, deltas)

    def strengths(self, topics: Mapping[int | str, float]) -> np.ndarray:
        """(topics,) float32, the strength of each topic (see `what_if`); 0 for those that are not given."""
        deltas, known = np.zeros(self.n_topics(), np.float32), self.topics
        for topic, strength in topics.items():
            deltas[_topic_id(topic, known, len(deltas))] += strength
        return deltas

    def n_topics(self) -> int:
        """How many topics `what_if` can be asked for; WrongSignature where the model's neurons have no names."""
        known = self.signatures
        if signatures.WHAT_IF_SIGNATURE not in known:
            raise WrongSignature(missing_signature("the model asked", signatures.WHAT_IF_SIGNATURE, known))
        shape = known[signatures.WHAT_IF_SIGNATURE].inputs[signatures.TOPIC_DELTAS_INPUT].shape
        assert shape is not None and shape[-1] is not None  # the export says (batch, topics)
        return shape[-1]

    def close(self) -> None:  # noqa: B027 (a subclass may hold nothing)
        """Closes the connection, or frees the model."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _named(self, answers: list[Scored]) -> list[Scored]:
        """The answers with the names of the topics that they score."""
        names = tuple(topic.name for topic in self.topics)
        return [dataclasses.replace(answer, topics=names) for answer in answers] if names else answers

    def _answer_all(
        self, question: _Question[Answer], videos: Iterable[Video], deltas: np.ndarray | None = None
    ) -> list[Answer]:
        answers: list[Answer] = []
        clips = (prepare_clip(index, video, self._reader) for index, video in enumerate(videos))
        for batch in self._batches(clips):
            signature, clips_input = question.of_frames, signatures.JPEG_INPUT
            if isinstance(batch[0], np.ndarray):
                signature, clips_input = question.of_features, signatures.FRAMES_INPUT
            inputs = {clips_input: self._pad(batch)}
            if deltas is not None:
                rows = deltas[len(answers) : len(answers) + len(batch)]
                time = inputs[clips_input].shape[1]
                inputs[signatures.TOPIC_DELTAS_INPUT] = rows if rows.ndim == 2 else _padded_deltas(rows, time)
            outputs = self.predict(signature, inputs)
            answers += read_answers(question.answer, question.needed, signature, outputs, list(map(len, batch)))
        return answers

    def _batches(self, clips: Iterable[np.ndarray | list[bytes]]) -> Iterator[list]:
        """Cuts clips into runs of one kind, of at most ``max_batch`` clips and ``max_message_bytes`` bytes."""
        batch: list[np.ndarray | list[bytes]] = []
        held = 0
        for index, clip in enumerate(clips):
            size = self._size(clip)
            if size > self._max_message_bytes:
                raise RequestTooLarge(
                    f"Expected a clip of at most {self._max_message_bytes:,} bytes, got {size:,} in clip {index}. "
                    "Likely cause: full-size frames. Send fewer or smaller frames (serving/videos.py bounds their "
                    "short side), or raise max_message_bytes here and on the server."
                )
            full = len(batch) == self._max_batch or held + size > self._max_message_bytes
            if batch and (full or type(clip) is not type(batch[0])):
                yield batch
                batch, held = [], 0
            batch.append(clip)
            held += size
        if batch:
            yield batch

    def _size(self, clip: np.ndarray | list[bytes]) -> int:
        """The bytes of a clip as it is sent; features are sent with their padding."""
        if isinstance(clip, np.ndarray):
            return max(len(clip), self._n_frames) * clip.shape[1] * clip.itemsize
        return sum(map(len, clip))

    def _pad(self, clips: list) -> np.ndarray:
        """(batch, time, dim) float32 features, or (batch, time) bytes.

        Padding is a frame of zeros, which is the model's own mask rule, or an empty string.
        """
        time = max(self._n_frames, *map(len, clips))
        batch = np.full((len(clips), time), b"", dtype=object)
        widths = {clip.shape[1] for clip in clips if isinstance(clip, np.ndarray)}
        if len(widths) > 1:
            raise InvalidClip(
                f"Expected clips of one feature width, got {sorted(widths)}. Likely cause: features of different "
                "backbones were mixed. Extract all of them with the backbone that the model was trained on."
            )
        if widths:
            batch = np.zeros((len(clips), time, *widths), np.float32)
        for row, clip in zip(batch, clips):
            row[: len(clip)] = clip
        return batch


def _checked_deltas(topic_deltas: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """The strengths of clips of so many frames each."""
    deltas, clips = np.asarray(topic_deltas), len(lengths)
    if deltas.ndim not in (2, 3) or len(deltas) != clips or deltas.dtype.kind not in "fiu":
        raise InvalidStrength(
            f"Expected topic_deltas as (clips, topics) or (clips, time, topics) numbers with a row for each of {clips} "
            f"clips, got {deltas.dtype} {deltas.shape}. Likely cause: the strengths of one clip that are not in a list "
            "of rows."
        )
    if deltas.ndim == 3 and deltas.shape[1] < max(lengths, default=0):
        raise InvalidStrength(
            f"Expected strengths for each of the {max(lengths)} frames of the longest clip, got those of "
            f"{deltas.shape[1]}. Give a row for each frame, zeros where nothing is added."
        )
    wrong = np.argwhere(~(np.abs(deltas) <= MAX_STRENGTH))  # NaN compares as false
    if len(wrong):
        clip, topic = wrong[0][0], wrong[0][-1]
        raise InvalidStrength(
            f"Expected strengths from -{MAX_STRENGTH:g} to {MAX_STRENGTH:g}, got {deltas[tuple(wrong[0])]} for topic "
            f"{topic} of clip {clip}. 1 is what the topic adds to a clip that shows it; far beyond that every caption "
            "breaks down."
        )
    return deltas.astype(np.float32)


def _padded_deltas(deltas: np.ndarray, time: int) -> np.ndarray:
    """Strengths (clips, frames, topics) as (clips, time, topics); what lies beyond a clip's frames is never added."""
    kept = deltas[:, :time]
    return np.pad(kept, ((0, 0), (0, time - kept.shape[1]), (0, 0)))


def _topic_id(topic: int | str, known: Sequence[NamedTopic], n_topics: int) -> int:
    if known:
        return find_topic(topic, known).id
    if str(topic).isdecimal() and int(topic) < n_topics:
        return int(topic)
    raise UnknownTopic(
        f"There is no topic {topic!r} here: the model has the topics 0 to {n_topics - 1}, without their names. Give "
        "the id ('topiclens topics' shows it), or where the names are: topics=… in Python, --root on the command line."
    )
