"""Encoders turn a clip's frames into named activations: their interface, the paper's, and which there are by name."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from topiclens.trainer.edits import Edit, edited
from topiclens.trainer.lstm import lstm_over_time, lstm_signal_step, lstm_signal_step_gradient
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.topic_neurons import TopicNeurons


def frame_mask(frames: Tensor) -> Tensor:
    """(videos, time) bool, True where a row of ``frames`` (videos, time, dim) is a real frame: padding is all zeros."""
    return ops.any(ops.not_equal(frames, 0), axis=-1)


def masked_mean(rows: Tensor, mask: Tensor) -> Tensor:
    """The mean over time of ``rows`` (videos, time, dim) at kept frames alone: (videos, dim); 0 for an empty clip."""
    weights = ops.cast(mask, rows.dtype)
    total = ops.squeeze(ops.matmul(weights[:, None, :], rows), axis=1)
    return total / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)


def edit_video(video: dict[str, Tensor], edits: Sequence[Edit]) -> dict[str, Tensor]:
    """An encoded video whose `encoder` activations are changed before f and the decoder see them.

    All other entries follow from the changed ones; raw features in the memory stay.
    """
    if not any(edit.name.startswith("encoder.") for edit in edits):
        return video
    neurons, mask = video["v"].shape[-1], video["mask"]
    v = edited("encoder.v", video["v"], edits) * ops.cast(mask, video["v"].dtype)[:, :, None]
    memory = ops.concatenate([v, video["memory"][:, :, neurons:]], axis=-1)
    memory_mean = masked_mean(memory, mask)
    mean = edited("encoder.mean", memory_mean[:, :neurons], edits)
    memory_mean = ops.concatenate([mean, memory_mean[:, neurons:]], axis=-1)
    return {"v": v, "mask": mask, "mean": mean, "memory": memory, "memory_mean": memory_mean}


class Encoder(keras.layers.Layer):
    """An encoder: frames to named activations. The captioner knows nothing else of it.

    A subclass creates its weights in ``build`` (after ``super().build``) and writes ``read``. A neuron is one column of
    ``v``: the topics' own, which are read off the states, and the states themselves. Everything else that is named
    follows from ``v`` here.

    Args:
        n_states: numbers that ``read`` gives for a frame.
        skip: joins the raw features to what the decoder attends to. The neurons, ``v``, stay those of the encoder: no
            correction of the encoder can move a raw feature.
        dropout: share of the frames' numbers that is dropped in training.

    Attributes:
        topic_neurons: so many neurons, the first ones, are one topic's own, see `topiclens.trainer.topic_neurons`.
            `make_encoder` sets it, before anything is built.
        n_neurons: of v, the topic neurons and the states.

    Call arguments:
        frames: (videos, time, feature_dim) float; padded with all-zero rows.
    Returns:
        The named activations: ``v`` (videos, time, n_neurons), zero at padding; ``mask`` (videos, time) bool, True at
        real frames; ``mean`` (videos, n_neurons), the mean of v over the real frames; ``memory``
        (videos, time, memory_dim), what the decoder attends to; ``memory_mean`` (videos, memory_dim), its mean.
    """

    def __init__(self, n_states: int, skip: bool = False, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_states = n_states
        self.topic_neurons = 0
        self.skip = skip
        self.dropout = keras.layers.Dropout(dropout, name="dropout")

    @property
    def n_neurons(self) -> int:
        return self.topic_neurons + self.n_states

    def build(self, frames_shape: tuple[Any, ...]) -> None:
        self.feature_dim = frames_shape[-1]
        self.memory_dim = self.n_neurons + (self.feature_dim if self.skip else 0)
        if self.topic_neurons:
            self.topics = TopicNeurons(self.topic_neurons, name="topics")
            self.topics.build((None, None, self.n_states))

    def read(self, frames: Tensor, mask: Tensor) -> Tensor:
        """The states at every frame: (videos, time, n_states); those at padding are dropped.

        Real frames are where `mask` (videos, time) is True, at any place. Padding must not change the states of real
        frames.
        """
        raise NotImplementedError

    def read_linearised(self, frames: Tensor, mask: Tensor) -> Tensor:
        """As `read`, such that input times gradient is relevance (`topiclens.trainer.relevance`).

        An encoder with gates makes them constants here. This default is for encoders without gates; the parts of `read`
        that are not linear, and the biases, then take their part of the relevance.
        """
        return self.read(frames, mask)

    def kernel_inputs(self, frames: Tensor, mask: Tensor) -> list[tuple[list[keras.Variable], Tensor]]:
        """The inputs of the encoder's kernels at every frame; refinement measures with them how far an encoder moves.

        Returns:
            For each product ``z @ kernel`` the trainable variables whose rows, stacked, are the kernel (a bias is one
            row), and z (videos, time, rows). Variables that are missing are measured by themselves; a subclass adds its
            own to those of the topic neurons.
        """
        if not self.topic_neurons:
            return []
        states = self.read(frames, mask)
        return [([self.topics.kernel, self.topics.bias], _and_one(states))]

    def columns_of(self, neuron: int) -> list[tuple[list[keras.Variable], list[int]]]:
        """Which columns of kernels make a neuron, with their variables as `kernel_inputs` gives them.

        Refinement moves these alone where it is to move some neurons. Where none is told, everything may move; a
        subclass tells those of its states.
        """
        return [([self.topics.kernel, self.topics.bias], [neuron])] if neuron < self.topic_neurons else []

    def call(self, frames: Tensor, training: bool = False, linearised: bool = False) -> dict[str, Tensor]:
        mask = frame_mask(frames)
        frames = self.dropout(frames, training=training)
        v = self.read_linearised(frames, mask) if linearised else self.read(frames, mask)
        if self.topic_neurons:
            v = ops.concatenate([self.topics(v, linearised=linearised), v], axis=-1)
        v = v * ops.cast(mask, v.dtype)[:, :, None]
        memory = ops.concatenate([v, frames], axis=-1) if self.skip else v
        memory_mean = masked_mean(memory, mask)
        mean = memory_mean[:, : self.n_neurons]
        return {"v": v, "mask": mask, "mean": mean, "memory": memory, "memory_mean": memory_mean}


class BiLstmEncoder(Encoder):
    """Reads a clip forwards and backwards, with so many LSTM units a direction (Dong et al. 2017, section 2.2).

    The first half of the states reads the clip forwards, the second half backwards. Padded frames do not change a
    state, at any place of the clip.
    """

    def __init__(self, units: int = 256, skip: bool = False, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(2 * units, skip, dropout, **kwargs)
        self.units = units
        # The cells hold the weights and the gates' order (i, f, g, o); the loop is ours.
        self.forward = keras.layers.LSTMCell(units, name="forward")
        self.backward = keras.layers.LSTMCell(units, name="backward")

    def build(self, frames_shape: tuple[Any, ...]) -> None:
        super().build(frames_shape)
        self.forward.build((None, self.feature_dim))
        self.backward.build((None, self.feature_dim))

    def read(self, frames: Tensor, mask: Tensor) -> Tensor:
        return self._read_both(frames, mask)

    def read_linearised(self, frames: Tensor, mask: Tensor) -> Tensor:
        return self._read_both(frames, mask, lstm_signal_step, lstm_signal_step_gradient)

    def kernel_inputs(self, frames: Tensor, mask: Tensor) -> list[tuple[list[keras.Variable], Tensor]]:
        ahead, back = ops.split(self._read_both(frames, mask), 2, axis=-1)
        nothing = ops.zeros_like(ahead[:, :1])
        before = ops.concatenate([nothing, ahead[:, :-1]], axis=1), ops.concatenate([back[:, 1:], nothing], axis=1)
        return super().kernel_inputs(frames, mask) + [
            ([cell.kernel, cell.recurrent_kernel, cell.bias], _and_one(ops.concatenate([frames, states], axis=-1)))
            for cell, states in zip((self.forward, self.backward), before)
        ]

    def columns_of(self, neuron: int) -> list[tuple[list[keras.Variable], list[int]]]:
        state = neuron - self.topic_neurons
        if not 0 <= state < 2 * self.units:  # a topic's own, or what a subclass adds
            return super().columns_of(neuron)
        cell = self.forward if state < self.units else self.backward
        gates = [gate * self.units + state % self.units for gate in range(4)]
        return [([cell.kernel, cell.recurrent_kernel, cell.bias], gates)]

    def _read_both(self, frames: Tensor, mask: Tensor, *step: Any) -> Tensor:
        ahead = self._read(self.forward, frames, mask, False, *step)
        back = self._read(self.backward, frames, mask, True, *step)
        return ops.concatenate([ahead, back], axis=-1)

    def _read(self, cell: keras.layers.LSTMCell, frames: Tensor, mask: Tensor, backwards: bool, *step: Any) -> Tensor:
        """The states (videos, time, units) of one direction; at padding they stay as they were."""
        videos, time = ops.shape(frames)[:2]
        # The frames' part of every step is one product. Time first: a step is then one piece of memory.
        rows = ops.reshape(ops.transpose(frames, (1, 0, 2)), (-1, self.feature_dim))
        inputs = ops.reshape(ops.matmul(rows, cell.kernel) + cell.bias, (time, videos, 4 * self.units))
        states = lstm_over_time(inputs, cell.recurrent_kernel, ops.transpose(mask)[:, :, None], backwards, *step)
        return ops.transpose(states, (1, 0, 2))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units, "skip": self.skip, "dropout": self.dropout.rate}


class JoinedEncoder(BiLstmEncoder):
    """The v that the paper's authors released: behind the BiLSTM's states, the raw features of the frame.

    So the last `feature_dim` "neurons" are features that no training moves. The comparison asks what they do to names.
    """

    def __init__(self, feature_dim: int, units: int = 256, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(units, dropout=dropout, **kwargs)
        self.n_states = 2 * units + feature_dim

    def read(self, frames: Tensor, mask: Tensor) -> Tensor:
        return ops.concatenate([super().read(frames, mask), frames], axis=-1)

    def read_linearised(self, frames: Tensor, mask: Tensor) -> Tensor:
        return ops.concatenate([super().read_linearised(frames, mask), frames], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"feature_dim": self.feature_dim}


def _and_one(rows: Tensor) -> Tensor:
    """Rows (videos, time, n) with a last column of ones, what a bias is the weight of."""
    return ops.concatenate([rows, ops.ones_like(rows[:, :, :1])], axis=-1)


MakeEncoder = Callable[[CaptionerConfig], Encoder]


def _bilstm(config: CaptionerConfig) -> Encoder:
    return BiLstmEncoder(config.encoder_units, config.skip, config.frame_dropout, name="encoder")


def _joined(config: CaptionerConfig) -> Encoder:
    return JoinedEncoder(config.feature_dim, config.encoder_units, config.frame_dropout, name="encoder")


BILSTM, JOINED = "bilstm", "bilstm with features"
_KNOWN: dict[str, MakeEncoder] = {BILSTM: _bilstm, JOINED: _joined}


def register_encoder(name: str, make: MakeEncoder) -> None:
    """Makes an encoder known, so that ``CaptionerConfig(encoder=name)`` trains it and its exports load again.

    captioner.json holds the name: a program that loads the export registers the same name first. ValueError: the name
    belongs to another encoder.
    """
    if _KNOWN.setdefault(name, make) is not make:
        raise ValueError(f"There is an encoder {name!r} already; register this one under another name.")


def make_encoder(config: CaptionerConfig) -> Encoder:
    """A new encoder of the kind that ``config.encoder`` names."""
    if config.encoder not in _KNOWN:
        raise ValueError(
            f"The model has the encoder {config.encoder!r}; known are {', '.join(sorted(_KNOWN))}. If it is your own, "
            "call topiclens.trainer.encoders.register_encoder before the model is made or loaded."
        )
    encoder = _KNOWN[config.encoder](config)
    encoder.topic_neurons = config.topic_neurons
    return encoder
