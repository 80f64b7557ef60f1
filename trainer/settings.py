"""What a captioner is made of, how it is trained, and how it writes captions."""

from __future__ import annotations

import dataclasses
from typing import Any

OPTIMIZERS = ("adam", "adadelta")
TOPICS = NEURONS, MLP = ("neurons", "mlp")
SCHEDULES = ("constant", "cosine", "plateau")

# Settings that change neither the weights nor the order of the data: a run may be resumed under other values.
FREE_TO_CHANGE = ("histogram_every",)


@dataclasses.dataclass(frozen=True)
class CaptionerSettings:
    """The sizes and losses of a captioner.

    Args:
        encoder_units: LSTM units of each direction of the encoder.
        attention_units: width of the attention's comparison.
        decoder_units: LSTM units of the decoder.
        embedding_units: width of a word's vector.
        topics: how f reads topics from the neurons. `neurons`: each topic off a neuron of its own, which reads all
            states of the encoder and is not negative, with a cross-entropy. `mlp`: all topics off all neurons, by a
            perceptron with two layers and the squared error (the paper's).
        topic_units: hidden units of the perceptron of `mlp`.
        dropout: share that is dropped before the choice of a word and inside f.
        frame_dropout: share of the numbers of a frame that is dropped before the encoder reads it.
        word_dropout: share of the numbers of a word's vector that is dropped before the decoder reads it.
        label_smoothing: share of the training target that is spread evenly over all words (Szegedy et al. 2016).
        interpretive_weight: lambda, the weight of the interpretive loss (LSTM-I); 1 suits `neurons`, 0.1 `mlp`. 0 is
            LSTM-B: f is not trained, and no neuron has a name.
        skip: the decoder attends to the raw features too, not only to the encoder's neurons.
    """

    encoder_units: int = 256
    attention_units: int = 256
    decoder_units: int = 512
    embedding_units: int = 468
    topics: str = NEURONS
    topic_units: int = 512
    dropout: float = 0.5
    frame_dropout: float = 0.0
    word_dropout: float = 0.0
    label_smoothing: float = 0.0
    interpretive_weight: float = 1.0
    skip: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaptionerConfig(CaptionerSettings):
    """What a captioner is made of: its settings, and what follows from the data.

    Args:
        vocabulary_size: words, the special ones included.
        feature_dim: numbers that describe a frame.
        n_topics: topics whose presence the encoder's neurons are to show, N_t.
        encoder: name of the encoder, see `topiclens.trainer.encoders`.
    """

    vocabulary_size: int
    feature_dim: int
    n_topics: int = 100
    encoder: str = "bilstm"

    @property
    def topic_neurons(self) -> int:
        """How many neurons are one topic's own: the first so many."""
        return self.n_topics if self.topics == NEURONS and self.interpretive_weight else 0


@dataclasses.dataclass(frozen=True)
class VocabularySettings:
    """Which words the captioner may say.

    Args:
        min_count: how often a word must occur in the training captions.
    """

    min_count: int = 5


@dataclasses.dataclass(frozen=True)
class DecodingSettings:
    """How the exported model writes captions.

    Args:
        beam: sentences that are kept at every word; 1 is greedy.
        max_words: the longest caption.
        length_penalty: a caption's log-probability is divided by its length to this power; 0 leaves it as it is.
    """

    beam: int = 5
    max_words: int = 20
    length_penalty: float = 0.0


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """How a captioner is trained.

    Args:
        optimizer: `adam` or `adadelta` (rho 0.95, epsilon 1e-6). Adam uses AMSGrad (Reddi et al. 2018) unless the
            schedule is `cosine`.
        learning_rate: the highest learning rate. Adadelta needs 1.0: Keras' own default of 0.001 does not train.
        clip_norm: gradients are scaled down to this norm, all of them as one vector; 0 turns it off.
        weight_decay: share of every weight except the biases that each step takes off, times the learning rate (AdamW).
        schedule: `constant`; `cosine`, which falls to 0 over all epochs; or `plateau`, which halves the learning rate
            whenever validation has not improved for 2 epochs.
        warmup_epochs: the learning rate first rises from 0 for this long; may be a fraction. Not with `plateau`.
        average_weights: the momentum, at each step, of an exponential moving average of the weights, which validation,
            the best checkpoint and the result then use; for example 0.999. 0 turns it off.
        batch_captions: captions of a batch, about; a batch holds whole videos.
        max_captions_per_video: captions that are drawn of each video anew for every epoch; null takes all.
        epochs: the most epochs.
        patience: training stops when validation has not improved for this many epochs; 0 never stops early.
        monitor: the figure that tells which epoch is best: `CIDEr` (higher is better), or `loss`, the validation loss
            (lower is better).
        histogram_every: epochs between two histograms of weights and activations in TensorBoard; 0 turns them off.
    Raises:
        ValueError: a setting is out of its range.
    """

    optimizer: str = "adam"
    learning_rate: float = 4e-4
    clip_norm: float = 10.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup_epochs: float = 0.0
    average_weights: float = 0.0
    batch_captions: int = 200
    max_captions_per_video: int | None = None
    epochs: int = 30
    patience: int = 6
    monitor: str = "CIDEr"
    histogram_every: int = 1

    def __post_init__(self) -> None:
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _one_of("schedule", self.schedule, SCHEDULES)
        for name in ("batch_captions", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"The training setting {name} is {getattr(self, name)}; expected 1 or more.")
        if self.learning_rate <= 0:
            raise ValueError(f"The learning rate is {self.learning_rate}; expected more than 0.")
        if not 0 <= self.average_weights < 1:
            raise ValueError(f"average_weights is {self.average_weights}; expected a momentum from 0 to below 1.")
        if self.schedule == "plateau" and self.warmup_epochs:
            raise ValueError("warmup_epochs goes with the schedules constant and cosine, not with plateau.")
        if self.optimizer == "adadelta" and self.learning_rate < 0.01:
            raise ValueError(
                f"Adadelta with a learning rate of {self.learning_rate} does not train: it scales its steps itself. "
                "Set learning_rate to 1.0."
            )

    @classmethod
    def paper(cls, **changes: Any) -> TrainingSettings:
        """As the authors trained: Adadelta, 64 captions a batch, gradients clipped at a norm of 10."""
        published: dict[str, Any] = dict(optimizer="adadelta", learning_rate=1.0, clip_norm=10.0, batch_captions=64)
        return cls(**(published | changes))


@dataclasses.dataclass(frozen=True)
class TrainingConfig(TrainingSettings):
    """What `topiclens.trainer.training.train` takes: the settings, and two of other sections.

    Args:
        n_frames: frames of a video, T; shorter clips are padded.
        seed: of the initial weights, the dropout and the order of the data.
    """

    n_frames: int = 28
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_frames < 1:
            raise ValueError(f"n_frames is {self.n_frames}; expected 1 or more.")

    def fixed(self) -> dict:
        """The settings that a resumed run must share."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in FREE_TO_CHANGE}


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"The training setting {name} is {value!r}; expected one of {', '.join(choices)}.")
