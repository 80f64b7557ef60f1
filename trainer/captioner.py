"""The captioner: the encoder, the decoder and the topics, trained together."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from topiclens.trainer.decoder import CaptionDecoder
from topiclens.trainer.decoding import search, with_end
from topiclens.trainer.edits import Edit, check_names, check_steps
from topiclens.trainer.encoders import edit_video, make_encoder
from topiclens.trainer.losses import TopicPerceptron
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.topic_neurons import NAMING_LIFT, TOLD, WORDS_STRENGTH, TopicScores, put_in, topics_said
from topiclens.trainer.vocabulary import PAD


class Captioner(keras.Model):
    """LSTM-I of Dong et al. 2017, and LSTM-B where ``config.interpretive_weight`` is 0.

    It is trained by ``compile(optimizer)`` and ``fit``: the loss is its own, the mean over the batch's pairs of a video
    and a caption of -log p(caption | video) + lambda * L_I(video).

    Call arguments:
        x: a dictionary of ``frames`` (videos, time, feature_dim) float, padded with zero rows; ``words``
            (captions, steps) int, BOS w_1 .. w_k EOS and then PAD, the longest caption first; ``video_index``
            (captions,) int, the row of ``frames`` that a caption is of; ``topics`` (videos, n_topics), 0 or 1.
    Returns:
        A dictionary with a row for each caption: ``log_prob`` (captions,), log p(caption | video); ``n_words``
        (captions,), the words that it is over, EOS included; ``interpretive_loss`` (captions,), L_I of its video.
    """

    def __init__(self, config: CaptionerConfig | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config if isinstance(config, CaptionerConfig) else CaptionerConfig(**config)
        config = self.config
        self.encoder = make_encoder(config)
        self.decoder = CaptionDecoder(
            config.vocabulary_size,
            config.decoder_units,
            config.embedding_units,
            config.attention_units,
            config.dropout,
            config.word_dropout,
            config.label_smoothing,
            config.topic_neurons,
            name="decoder",
        )
        self.topic_perceptron: TopicScores | TopicPerceptron
        if config.topic_neurons:
            self.topic_perceptron = TopicScores(config.n_topics, name="topics")
            self.told = keras.random.SeedGenerator()
            self.captions_name_topics = False  # until it is known by which words
        else:
            self.topic_perceptron = TopicPerceptron(config.n_topics, config.topic_units, config.dropout, name="topics")
        self.topic_perceptron.trainable = config.interpretive_weight > 0  # LSTM-B never trains f
        self.caption_loss = keras.metrics.Mean(name="caption_loss")
        self.interpretive_loss = keras.metrics.Mean(name="interpretive_loss")
        self.word_loss = keras.metrics.Mean(name="word_loss")
        # TensorFlow's own kernels beat its XLA on processors, start sooner, and take the changing sizes of batches.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Creates every weight: the configuration holds all sizes, so a new captioner is whole."""
        if self.built:
            return
        self.encoder.build((None, None, self.config.feature_dim))
        self.decoder.build(self.encoder.memory_dim)
        self.topic_perceptron.build((None, self.encoder.n_neurons))

    def begin_with_words(self, lift: np.ndarray, share: np.ndarray) -> None:
        """Begins the columns of W_p that read topic neurons with their topics' words, and says what names a topic.

        Eq. 6 reads words straight off phi(V), so that the column of a neuron is a distribution of words.

        Args:
            lift: (n_topics, vocabulary_size), log p(word | topic) - log p(word), and 0 where a word is not the topic's.
            share: (n_topics, vocabulary_size), p(word | topic).
        """
        self.captions_name_topics = True
        named = np.where(lift >= NAMING_LIFT, share, 0)
        self.decoder.naming.assign((named / np.maximum(named.max(axis=1, keepdims=True), 1e-9)).T)
        kernel, first = ops.convert_to_numpy(self.decoder.readout.kernel).copy(), self.decoder.units
        kernel[first : first + len(lift)] = WORDS_STRENGTH * lift
        self.decoder.readout.kernel.assign(kernel)

    def encode(self, frames: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The encoder's named activations ``v``, ``mask``, ``mean``, ``memory``, ``memory_mean``: see Encoder."""
        return self.encoder(frames, training=training)

    def run(
        self,
        frames: Tensor,
        words: Tensor = None,
        *,
        edits: Sequence[Edit] = (),
        record: Sequence[str] = (),
        video_index: Tensor = None,
        **decoding: Any,
    ) -> dict[str, Tensor]:
        """Runs the captioner while activations are changed, and records activations by name.

        Args:
            frames: (videos, time, feature_dim), padded with zero rows.
            words: (videos, steps) int, a known caption of each video, w_1 .. w_k and then PAD, EOS being a word like
                any other; None lets the captioner write, under the edits.
            edits: changes of activations.
            record: names of ``topiclens.trainer.edits.ACTIVATIONS``.
            video_index: (rows,) int, for many runs on few videos: the row of ``frames`` that each run is of. ``words``
                and ``edits`` then have a row for each run.
            decoding: of ``topiclens.trainer.decoding.beam_search``, where there are no words.
        Returns:
            The recorded activations, after the edits, by name. The decoder's have a row for each word, and one more
            for the end of captions that were written; zero after it. Captions that were written are in ``words``
            (videos, max_words) int32, PAD after the last word, and ``log_prob`` (videos,).
        Raises:
            ValueError: there is no such activation.
        """
        check_names(record)
        video = self.encode(frames)
        if video_index is not None:
            video = {name: ops.take(values, video_index, axis=0) for name, values in video.items()}
        video = edit_video(video, edits)
        found = {f"encoder.{name}": values for name, values in video.items()}
        written = {}
        if words is None:
            words, log_prob = search(self, video, edits=edits, **decoding)
            written, words = {"words": words, "log_prob": log_prob}, with_end(words)
        else:
            words = ops.convert_to_tensor(words, "int32")
        parts = {name.split(".")[0] for name in record}
        if "topics" in parts:
            named = self.topic_perceptron.read(video["mean"], edits)
            found |= {f"topics.{name}": values for name, values in named.items()}
        if "decoder" in parts:
            check_steps(edits, words.shape[1])
            named = self.decoder.read(words, video["memory"], video["mask"], video["memory_mean"], edits)
            found |= {f"decoder.{name}": values for name, values in named.items()}
        return {**written, **{name: found[name] for name in record}}

    def topic_scores(self, frames: Tensor) -> Tensor:
        """f(mean v): (videos, time, feature_dim) to (videos, n_topics)."""
        return self.topic_perceptron(self.encode(frames)["mean"])

    def call(self, x: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        video = self.encode(x["frames"], training)
        scores = self.topic_perceptron(video["mean"], training=training)
        read, video_index = video, x["video_index"]
        if training and self.config.topic_neurons:
            read, video_index = self._told(video, x)
        log_prob = self.decoder(
            x["words"], read["memory"], read["mask"], read["memory_mean"], video_index, training=training
        )
        return {
            "log_prob": log_prob,
            "n_words": ops.sum(ops.cast(ops.not_equal(x["words"][:, 1:], PAD), "float32"), axis=1),
            "interpretive_loss": ops.take(self.topic_perceptron.loss(scores, x["topics"]), x["video_index"], axis=0),
        }

    def _told(self, video: dict[str, Tensor], x: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """A copy of its video for each caption, in which some topic neurons are told whether the caption names their
        topic; and the captions' places among the copies."""
        rows = {name: ops.take(values, x["video_index"], axis=0) for name, values in video.items()}
        truth = there = ops.cast(ops.take(x["topics"], x["video_index"], axis=0), "float32")
        if self.captions_name_topics:
            truth = there * topics_said(x["words"], self.decoder.naming)
        at = ops.cast(keras.random.uniform(ops.shape(truth), seed=self.told) < TOLD, "float32")
        return put_in(rows, truth, at), ops.arange(ops.shape(x["words"])[0], dtype="int32")

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """-log p + lambda * L_I (section 3.1), the mean over the pairs."""
        loss = -ops.mean(y_pred["log_prob"])
        if self.config.interpretive_weight:
            loss += self.config.interpretive_weight * ops.mean(y_pred["interpretive_loss"])
        return loss

    def compute_metrics(self, x: Any, y: Any, y_pred: dict[str, Tensor], sample_weight: Any = None) -> dict[str, Any]:
        self.caption_loss.update_state(-y_pred["log_prob"])
        self.interpretive_loss.update_state(y_pred["interpretive_loss"])
        self.word_loss.update_state(-y_pred["log_prob"] / y_pred["n_words"], sample_weight=y_pred["n_words"])
        return self.get_metrics_result()

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"config": dataclasses.asdict(self.config)}
