"""What a captioner is made of, and how it is trained."""

import dataclasses

OPTIMIZERS = ("adam", "adadelta")
SCHEDULES = ("constant", "cosine", "plateau")

# Settings that change neither the weights nor the order of the data: a run may be resumed under other values.
FREE_TO_CHANGE = ("cache_gb", "jit_compile", "log_every_seconds", "histogram_every", "sample_captions", "val_batch")


@dataclasses.dataclass(frozen=True)
class CaptionerConfig:
    """What a captioner is made of.

    Args:
        vocabulary_size: words, the special ones included.
        feature_dim: numbers that describe a frame.
        n_topics: topics whose presence the encoder's neurons are to show, N_t.
        encoder: name of the encoder, see `topiclens.trainer.encoders`.
        encoder_units: LSTM units of each direction of the encoder.
        attention_units: width of the attention's comparison.
        decoder_units: LSTM units of the decoder.
        embedding_units: width of a word's vector.
        topic_units: hidden units of f.
        dropout: share dropped before the choice of a word and inside f.
        frame_dropout: share of the numbers of a frame dropped before the encoder reads it.
        word_dropout: share of the numbers of a word's vector dropped before the decoder reads it.
        label_smoothing: share of the training target that is spread evenly over all words (Szegedy et al. 2016).
        interpretive_weight: lambda, the weight of the interpretive loss: LSTM-I. 0 is LSTM-B, and leaves f untrained.
        skip: lets the decoder attend to the raw features too, beside the encoder's neurons.
    """

    vocabulary_size: int
    feature_dim: int
    n_topics: int = 100
    encoder: str = "bilstm"
    encoder_units: int = 256
    attention_units: int = 256
    decoder_units: int = 512
    embedding_units: int = 468
    topic_units: int = 512
    dropout: float = 0.5
    frame_dropout: float = 0.0
    word_dropout: float = 0.0
    label_smoothing: float = 0.0
    interpretive_weight: float = 0.1
    skip: bool = False


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Settings of `topiclens.trainer.training.train`.

    Args:
        optimizer: `adam` or `adadelta` (rho 0.95, epsilon 1e-6).
        learning_rate: at its highest. Adadelta's is 1.0: Keras' own default of 0.001 does not train.
        amsgrad: Adam keeps the largest second moment (Reddi et al. 2018).
        clip_norm: gradients are scaled down to this norm, all of them as one vector; 0 turns it off.
        weight_decay: share of every weight but the biases taken off at a step, times the learning rate (AdamW).
        schedule: `constant`; `cosine`, falling to 0 over all epochs; `plateau`, falling by `plateau_factor` whenever
            validation has not improved for `plateau_patience` epochs.
        plateau_patience, plateau_factor: see `schedule`.
        warmup_epochs: the learning rate first rises from 0 for this long; may be a fraction. Not with `plateau`.
        average_weights: validation, the best checkpoint and the result use an exponential moving average of the
            weights with this momentum a step, say 0.999; 0 turns it off.
        batch_captions: captions a batch aims at; a batch holds whole videos.
        max_captions_per_video: draws this many captions of each video anew for every epoch; None takes all.
        bucket_batches: sorts videos by caption length within runs of this many batches; 1 turns it off.
        max_caption_words: longer captions are cut for training.
        n_frames: frames a video, T; shorter clips are padded.
        epochs: at most this many.
        patience: stops when validation has not improved for this many epochs; 0 never stops early.
        monitor: the figure that says which epoch is best: a name that `score_captions` returns (higher is better), or
            `loss`, the validation loss (lower is better).
        val_beam, val_max_words: how validation captions are written; beam 1 is greedy.
        val_batch: videos captioned at a time.
        seed: of the initial weights, the dropout and the order of the data.
        cache_gb: memory for the frames of a split, GiB; the rest waits in a scratch file.
        jit_compile: compiles the step with XLA. Every new batch shape compiles again, so it rarely pays.
        log_every_seconds: seconds between two lines of progress within an epoch.
        histogram_every: epochs between two histograms of weights and activations; 0 turns them off.
        sample_captions: validation captions shown in TensorBoard each epoch.
    Raises:
        ValueError: a setting is out of its range.
    """

    optimizer: str = "adam"
    learning_rate: float = 4e-4
    amsgrad: bool = True
    clip_norm: float = 10.0
    weight_decay: float = 0.0
    schedule: str = "constant"
    plateau_patience: int = 2
    plateau_factor: float = 0.5
    warmup_epochs: float = 0.0
    average_weights: float = 0.0
    batch_captions: int = 200
    max_captions_per_video: int | None = None
    bucket_batches: int = 8
    max_caption_words: int = 30
    n_frames: int = 28
    epochs: int = 30
    patience: int = 6
    monitor: str = "CIDEr"
    val_beam: int = 1
    val_max_words: int = 20
    val_batch: int = 100
    seed: int = 0
    cache_gb: float = 4.0
    jit_compile: bool = False
    log_every_seconds: float = 30.0
    histogram_every: int = 1
    sample_captions: int = 8

    def __post_init__(self):
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _one_of("schedule", self.schedule, SCHEDULES)
        for name in ("batch_captions", "bucket_batches", "max_caption_words", "n_frames", "epochs", "val_beam",
                     "val_max_words", "val_batch", "plateau_patience"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"The training setting {name} is {getattr(self, name)}; expected 1 or more.")
        if self.learning_rate <= 0:
            raise ValueError(f"The learning rate is {self.learning_rate}; expected more than 0.")
        if not 0 <= self.average_weights < 1:
            raise ValueError(f"average_weights is {self.average_weights}; expected a momentum from 0 to below 1.")
        if not 0 < self.plateau_factor < 1:
            raise ValueError(f"plateau_factor is {self.plateau_factor}; expected a factor between 0 and 1.")
        if self.schedule == "plateau" and self.warmup_epochs:
            raise ValueError("warmup_epochs goes with the schedules constant and cosine, not with plateau.")
        if self.optimizer == "adadelta" and self.learning_rate < 0.01:
            raise ValueError(
                f"Adadelta with a learning rate of {self.learning_rate} does not train: it scales its steps itself. "
                "Set learning_rate to 1.0."
            )

    @classmethod
    def paper(cls, **changes) -> "TrainingConfig":
        """As the authors trained: Adadelta, 64 captions a batch, gradients clipped at a norm of 10."""
        published = dict(optimizer="adadelta", learning_rate=1.0, clip_norm=10.0, batch_captions=64)
        return cls(**(published | changes))

    def fixed(self) -> dict:
        """The settings that a resumed run must share."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in FREE_TO_CHANGE}


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"The training setting {name} is {value!r}; expected one of {', '.join(choices)}.")
