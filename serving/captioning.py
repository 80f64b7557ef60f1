"""The one calling surface for captions, whoever computes them.

``Captioning`` turns clips into batches, checks them, and turns a signature's
outputs into answers (serving/answers.py). What is left to a subclass is to run one batch: over
the network (serving/client.py) or in this process (serving/captioner.py).
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from topiclens.schemas.features import N_FRAMES
from topiclens.serving import signatures
from topiclens.serving.answers import Caption, ExplainedCaption, WhatIf, read_captions, read_explained, read_what_if
from topiclens.serving.errors import InvalidClip, InvalidStrength, RequestTooLarge, WrongSignature, missing_signature

# 32 MiB: 28 JPEG frames of 360 lines take about 2 MB, so a batch of eight fits with room to spare.
MAX_MESSAGE_BYTES = 32 * 2**20
# 1 is the paper's strength, and at 8 the sliders and the dose-response end; so far beyond nothing is said of a clip.
MAX_STRENGTH = 100.0


class Captioning(abc.ABC):
    """Captions clips in batches.

    Args:
        max_batch: the most clips in one request.
        max_message_bytes: the most bytes of frames in one request; a batch is split to fit.
        n_frames: clips are padded to at least this many frames. Requests of equal length are what lets a
            server batch them with those of other clients; None pads only to a batch's longest clip.

    Attributes:
        signatures: what the model can do, by name.
    """

    signatures: Mapping[str, signatures.Signature]

    def __init__(
        self,
        *,
        max_batch: int = 8,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        n_frames: int | None = N_FRAMES,
    ):
        if max_batch < 1:
            raise ValueError(f"max_batch must be at least 1, got {max_batch}.")
        self._max_batch = max_batch
        self._max_message_bytes = max_message_bytes
        self._n_frames = n_frames or 1

    @abc.abstractmethod
    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs one batch through a signature.

        Args:
            signature: its name.
            inputs: arrays by input name, each leading with the batch.
        Returns:
            Arrays by output name, each leading with the batch; strings as objects (bytes or str).
        Raises:
            ServingError: with what was expected, what came, the likely cause and what to do.
        """

    def caption_features(self, clips: Sequence[np.ndarray]) -> list[Caption]:
        """Captions clips given as frame features.

        Args:
            clips: one (time, dim) array of real numbers a clip; their lengths may differ.
        Returns:
            One caption a clip, in order.
        """
        return self._ask_features(signatures.FEATURES_SIGNATURE, read_captions, clips)

    def caption_videos(self, clips: Sequence[Sequence[bytes]]) -> list[Caption]:
        """Captions clips given as JPEG frames (see serving/frames.py); the model holds the frame network.

        Args:
            clips: one sequence of JPEG bytes a clip, in order of time; their lengths may differ.
        Returns:
            One caption a clip, in order.
        """
        return self._ask_videos(signatures.FRAMES_SIGNATURE, read_captions, clips)

    def explain_features(self, clips: Sequence[np.ndarray]) -> list[ExplainedCaption]:
        """Captions clips as `caption_features` does, and tells what the model did to write them."""
        return self._ask_features(signatures.EXPLAIN_SIGNATURE, read_explained, clips)

    def explain_videos(self, clips: Sequence[Sequence[bytes]]) -> list[ExplainedCaption]:
        """Captions clips as `caption_videos` does, and tells what the model did to write them."""
        return self._ask_videos(signatures.EXPLAIN_FRAMES_SIGNATURE, read_explained, clips)

    def what_if(self, frames: Sequence[np.ndarray], topic_deltas: np.ndarray) -> list[WhatIf]:
        """What the model would say if it saw some topics more, or less (Dong et al. 2017, section 4); nothing is
        trained.

        Args:
            frames: one (time, dim) array of real numbers a clip; their lengths may differ.
            topic_deltas: (clips, topics), how strongly each topic is added to each clip: 1 is the paper's strength, 0
                leaves the topic as it is, a negative number takes it away.
        Returns:
            One answer a clip, in order.
        Raises:
            InvalidStrength: a strength is not finite or beyond ``MAX_STRENGTH``, or there is not one row a clip.
        """
        deltas = _checked_deltas(topic_deltas, len(frames))
        return self._ask_features(signatures.WHAT_IF_SIGNATURE, read_what_if, frames, deltas)

    def what_if_videos(self, clips: Sequence[Sequence[bytes]], topic_deltas: np.ndarray) -> list[WhatIf]:
        """`what_if` of clips given as JPEG frames, as `caption_videos` takes them."""
        deltas = _checked_deltas(topic_deltas, len(clips))
        return self._ask_videos(signatures.WHAT_IF_FRAMES_SIGNATURE, read_what_if, clips, deltas)

    def n_topics(self) -> int:
        """How many topics `what_if` can be asked for.

        Raises:
            WrongSignature: the model has no names for its neurons.
        """
        known = self.signatures
        if signatures.WHAT_IF_SIGNATURE not in known:
            raise WrongSignature(missing_signature("the model asked", signatures.WHAT_IF_SIGNATURE, known))
        return known[signatures.WHAT_IF_SIGNATURE].inputs[signatures.TOPIC_DELTAS_INPUT].shape[-1]

    def close(self) -> None:  # noqa: B027 (a subclass may well hold nothing)
        """Lets go of what is held: a connection, a loaded model."""

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _ask_features(self, signature: str, read, clips: Sequence[np.ndarray], deltas: np.ndarray | None = None):
        frames = [_checked_features(index, clip) for index, clip in enumerate(clips)]
        widths = {clip.shape[1] for clip in frames}
        if len(widths) > 1:
            raise InvalidClip(
                f"Expected clips of one feature width, got {sorted(widths)}. Likely cause: features of different "
                "backbones were mixed. Extract all of them with the backbone that the model was trained on."
            )
        # Padding counts: what is sent is the padded clip.
        sizes = [max(len(clip), self._n_frames) * clip.shape[1] * clip.itemsize for clip in frames]
        return self._in_batches(signature, signatures.FRAMES_INPUT, read, frames, sizes, self._pad_features, deltas)

    def _ask_videos(self, signature: str, read, clips: Sequence[Sequence[bytes]], deltas: np.ndarray | None = None):
        frames = [_checked_jpegs(index, clip) for index, clip in enumerate(clips)]
        sizes = [sum(map(len, clip)) for clip in frames]
        return self._in_batches(signature, signatures.JPEG_INPUT, read, frames, sizes, self._pad_jpegs, deltas)

    def _in_batches(self, signature, input_name, read, clips, sizes, pad, deltas) -> list:
        answers: list = []
        for batch in self._batches(sizes):
            inputs = {input_name: pad(clips[batch])}
            if deltas is not None:
                inputs[signatures.TOPIC_DELTAS_INPUT] = deltas[batch]
            outputs = self.predict(signature, inputs)
            answers += read(signature, outputs, [len(clip) for clip in clips[batch]])
        return answers

    def _batches(self, sizes: Sequence[int]) -> Iterator[slice]:
        """Cuts the clips into runs of at most ``max_batch`` clips and ``max_message_bytes`` bytes."""
        start, held = 0, 0
        for index, size in enumerate(sizes):
            if size > self._max_message_bytes:
                raise RequestTooLarge(
                    f"Expected a clip of at most {self._max_message_bytes:,} bytes, got {size:,} in clip {index}. "
                    "Likely cause: full-size frames. Send fewer or smaller frames (serving/frames.py bounds their "
                    "short side), or raise max_message_bytes here and on the server."
                )
            if index > start and (index - start == self._max_batch or held + size > self._max_message_bytes):
                yield slice(start, index)
                start, held = index, 0
            held += size
        if sizes:
            yield slice(start, len(sizes))

    def _pad_features(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """(batch, time, dim) float32; an all-zero frame is padding, which is the model's own mask rule."""
        time = max(self._n_frames, max(map(len, clips)))
        batch = np.zeros((len(clips), time, clips[0].shape[1]), np.float32)
        for row, clip in zip(batch, clips):
            row[: len(clip)] = clip
        return batch

    def _pad_jpegs(self, clips: Sequence[Sequence[bytes]]) -> np.ndarray:
        """(batch, time) bytes; the empty string is padding."""
        time = max(self._n_frames, max(map(len, clips)))
        batch = np.full((len(clips), time), b"", dtype=object)
        for row, clip in zip(batch, clips):
            row[: len(clip)] = clip
        return batch


def _checked_features(index: int, clip: np.ndarray) -> np.ndarray:
    clip = np.asarray(clip)
    if clip.ndim != 2 or clip.shape[0] == 0 or clip.dtype.kind not in "fiu":
        raise InvalidClip(
            f"Expected clip {index} as (time, dim) numbers with at least one frame, got {clip.dtype} {clip.shape}. "
            "Likely cause: a batch was passed where a list of clips is wanted, or a video gave no frames."
        )
    clip = clip.astype(np.float32, copy=False)
    if not np.isfinite(clip).all():
        raise InvalidClip(
            f"Expected finite features, got NaN or infinity in clip {index}. Likely cause: a feature file that was "
            "written half, or half precision that overflowed. Extract its features again."
        )
    if not clip.any():
        raise InvalidClip(
            f"Expected at least one frame that is not all zero, got none in clip {index}. All-zero frames mean "
            "padding, so nothing would be left to caption. Extract its features again."
        )
    return clip


def _checked_jpegs(index: int, clip: Sequence[bytes]) -> list[bytes]:
    if isinstance(clip, (bytes, str)) or not all(isinstance(frame, bytes) for frame in clip):
        raise InvalidClip(
            f"Expected clip {index} as a sequence of JPEG bytes, got {type(clip).__name__}. Likely cause: one image, "
            "or decoded pixels, where a list of encoded frames is wanted: see topiclens.serving.frames.encode_frames."
        )
    frames = [frame for frame in clip if frame]
    if not frames:
        raise InvalidClip(f"Expected at least one frame in clip {index}, got none. Check that the video decodes.")
    for number, frame in enumerate(frames):
        if not frame.startswith(b"\xff\xd8\xff"):
            raise InvalidClip(
                f"Expected JPEG bytes in clip {index}, got something else in frame {number} (it starts with "
                f"{frame[:4]!r}). Encode the frames with topiclens.serving.frames.encode_frames."
            )
    return frames


def _checked_deltas(topic_deltas: np.ndarray, clips: int) -> np.ndarray:
    deltas = np.asarray(topic_deltas)
    if deltas.ndim != 2 or len(deltas) != clips or deltas.dtype.kind not in "fiu":
        raise InvalidStrength(
            f"Expected topic_deltas as (clips, topics) numbers with a row for each of {clips} clips, got "
            f"{deltas.dtype} {deltas.shape}. Likely cause: the strengths of one clip that are not in a list of rows."
        )
    wrong = np.argwhere(~(np.abs(deltas) <= MAX_STRENGTH))  # NaN compares as false
    if len(wrong):
        clip, topic = wrong[0]
        raise InvalidStrength(
            f"Expected strengths from -{MAX_STRENGTH:g} to {MAX_STRENGTH:g}, got {deltas[clip, topic]} for topic "
            f"{topic} of clip {clip}. 1 is what the topic adds to a clip that shows it; far beyond that every caption "
            "breaks down."
        )
    return deltas.astype(np.float32)
