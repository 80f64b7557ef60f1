"""Training a captioner from record files: the one public way in, from plain Python and from the pipeline."""

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from topiclens.schemas.progress import Progress, print_progress
from topiclens.trainer import checkpoints as checkpointing
from topiclens.trainer.callbacks import (
    FollowEpochs,
    FollowNames,
    LowerOnPlateau,
    NameNeurons,
    ProgressLines,
    SaveState,
    StopOnDivergence,
)
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.checkpoints import Checkpoints
from topiclens.trainer.data import TrainingBatches
from topiclens.trainer.export import load_captioner
from topiclens.trainer.exported import weights_path
from topiclens.trainer.optimizers import build_optimizer
from topiclens.trainer.settings import CaptionerConfig, TrainingConfig
from topiclens.trainer.tensorboard import TensorBoardEpochs, log_folder
from topiclens.trainer.validation import ScoreCaptions, Validation
from topiclens.trainer.videos import Videos, read_videos
from topiclens.trainer.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What a training gives.

    Attributes:
        captioner: with the weights of the best epoch.
        best_epoch: counted from 1.
        best_score: the monitored figure of that epoch, or minus the validation loss.
        finished: why training ended.
        history: the logged figures of each epoch, the resumed ones included.
        epochs_run: how many of them ran in this call; 0 when everything was done before.
    """

    captioner: Captioner
    best_epoch: int
    best_score: float
    finished: str
    history: list[dict[str, float]]
    epochs_run: int
    work_dir: str
    log_dir: str


def train(
    train_files: str | Sequence[str],
    val_files: str | Sequence[str],
    *,
    vocabulary: Vocabulary,
    model: CaptionerConfig,
    training: TrainingConfig = TrainingConfig(),
    work_dir: str | os.PathLike,
    score_captions: ScoreCaptions | None = None,
    name_neurons: NameNeurons | None = None,
    topic_words: Sequence[Mapping[str, Sequence[float]]] | None = None,
    init_from: str | os.PathLike | None = None,
    same_topics: bool = False,
    shuffle_topics: bool = False,
    folder_per_run: bool = False,
    progress: Progress = print_progress,
) -> TrainingResult:
    """Trains until validation captions stop improving, and returns the best epoch's captioner.

    A call that was killed goes on from its last whole epoch when it is made again; one that was finished returns its
    result at once. The order of the data, the dropout and the optimiser's state are those of an uninterrupted run.

    Args:
        train_files, val_files: patterns of gzip TFRecords (see `topiclens.schemas.records`).
        vocabulary: the words that the captioner may say.
        model, training: what is trained, and how.
        work_dir: holds the checkpoints and the logs of this training.
        score_captions: (references by id, caption by id) -> figures by name, among them `training.monitor`.
        name_neurons: names the neurons by topics after each epoch, so that the logs show how steady the names are. It
            is not used for LSTM-B, whose f learns nothing.
        topic_words: for each topic its words, each with log p(word | topic) - log p(word) and p(word | topic). A model
            with topic neurons begins with them, see `Captioner.begin_with_words`.
        init_from: a folder that `topiclens.trainer.export.export` wrote; what fits is copied before training.
        same_topics: the topics of `init_from` are the same ones, so that the topic perceptron is copied too.
        shuffle_topics: a control: the topics are dealt out anew among the training videos. What the interpretive loss
            then still does is regularisation.
        folder_per_run: trains in a folder within `work_dir` that is named after the settings and the data, so that
            other settings begin anew instead of being an error. The logs lie beside it, under a name for people.
        progress: gets a line an epoch.
    Raises:
        CheckpointMismatch: `work_dir` holds another training.
        DataError: the records cannot be trained on.
        TrainingDiverged: the loss became NaN.
        ValueError: settings contradict each other.
    """
    if model.vocabulary_size != len(vocabulary):
        raise ValueError(
            f"The model is for {model.vocabulary_size} words, but the vocabulary has {len(vocabulary)}, special words "
            "included. Set vocabulary_size to len(vocabulary)."
        )

    def read(split: str, patterns: str | Sequence[str]) -> Videos:
        videos = read_videos(
            patterns, vocabulary, feature_dim=model.feature_dim, n_topics=model.n_topics, n_frames=training.n_frames
        )
        if left_out := videos.left_out:
            progress(f"Left out {len(left_out)} {split} videos without captions: {', '.join(left_out[:10])}")
        return videos

    train_videos, val_videos = read("training", train_files), read("validation", val_files)
    if shuffle_topics:
        train_videos = train_videos.with_shuffled_topics(training.seed)
    # Everything that decides the outcome of a training, so that a checkpoint is resumed by its own training alone.
    facts = {
        "model": dataclasses.asdict(model),
        "training": training.fixed(),
        "data": {
            "training records": train_videos.digest,
            "validation records": val_videos.digest,
            "vocabulary": hashlib.blake2b(vocabulary.to_text().encode(), digest_size=16).hexdigest(),
        },
        "start": {
            "weights": None if init_from is None else _file_digest(weights_path(init_from)),
            "same topics": same_topics,
            "topic words": topic_words,
        },
    }
    of_all = work_dir = os.fspath(work_dir)
    if folder_per_run:
        work_dir = os.path.join(of_all, checkpointing.fingerprint_of(facts))
    checkpointing.claim(work_dir, facts)
    log_dir = os.path.join(work_dir, "logs")
    if folder_per_run:
        kind = "LSTM-I" if model.interpretive_weight else "LSTM-B"
        log_dir = log_folder(of_all, work_dir, f"{kind} seed {training.seed}")

    # Without this, initial weights and the seeds of dropout would differ from run to run.
    keras.utils.set_random_seed(training.seed)
    batches = TrainingBatches(
        train_videos,
        n_frames=training.n_frames,
        batch_captions=training.batch_captions,
        max_captions_per_video=training.max_captions_per_video,
        seed=training.seed,
    )
    captioner = Captioner(model, name="captioner")
    lifts = None
    if topic_words is not None and model.topic_neurons:
        lifts = np.moveaxis(vocabulary.arrays(topic_words), -1, 0)
        captioner.begin_with_words(*lifts)
    optimizer = build_optimizer(training, steps_per_epoch=len(batches))
    optimizer.build(captioner.trainable_variables)
    captioner.compile(optimizer=optimizer, jit_compile=False)  # every new shape of a batch compiles again
    checkpoints = Checkpoints(work_dir, captioner)
    state = checkpoints.restore()
    if init_from is not None and state.epochs_done == 0:
        source, source_vocabulary, _ = load_captioner(init_from)
        done = warm_start(captioner, vocabulary, source, source_vocabulary, same_topics=same_topics)
        if lifts is not None and not same_topics:  # what was copied spoke for other topics
            captioner.begin_with_words(*lifts)
        progress(f"Starting from {init_from}: " + ", ".join(f"{name} {what}" for name, what in done.items()))

    start = state.epochs_done
    if state.finished is None:
        if start:
            progress(f"Going on after epoch {start} of {training.epochs}, from {work_dir}")
        speed = FollowEpochs(batches)
        validation = Validation(
            val_videos, vocabulary, training,
            model=captioner, score_captions=score_captions, checkpoints=checkpoints, state=state,
        )  # fmt: skip
        names = []
        if name_neurons is not None and model.interpretive_weight:
            names = [FollowNames(name_neurons, train_videos, training, state, _topic_names(topic_words))]
        # In the order in which they run after an epoch: measured, judged, shown, and then saved as done.
        callbacks = [
            StopOnDivergence(training, train_videos.largest_feature),
            speed,
            validation,
            *([LowerOnPlateau(state)] if training.schedule == "plateau" else []),
            *names,
            TensorBoardEpochs(log_dir, training, batches.element_spec, validation, *names),
            ProgressLines(training, speed, state, progress),
            SaveState(checkpoints, state, training.epochs),
        ]
        progress(
            f"Training on {len(train_videos)} videos with {batches.captions_per_epoch} captions; logs in {log_dir}"
        )
        captioner.fit(batches.dataset(), initial_epoch=start, epochs=training.epochs, verbose=0, callbacks=callbacks)
    checkpoints.restore_best()
    assert state.best_epoch is not None and state.best_score is not None and state.finished is not None
    progress(f"Training is over: {state.finished}. Best epoch {state.best_epoch + 1}, {training.monitor} "
        f"{abs(state.best_score):.4f}")  # fmt: skip
    return TrainingResult(
        captioner=captioner,
        best_epoch=state.best_epoch + 1,
        best_score=state.best_score,
        finished=state.finished,
        history=state.history,
        epochs_run=state.epochs_done - start,
        work_dir=work_dir,
        log_dir=log_dir,
    )


def warm_start(
    model: keras.Model,
    vocabulary: Vocabulary,
    source: keras.Model,
    source_vocabulary: Vocabulary,
    *,
    same_topics: bool = False,
) -> dict[str, str]:
    """Copies what fits from one captioner, `source`, into another, `model`.

    Weights of equal name and shape are copied. The rows of the word vectors and of the readout are matched by the word;
    words that only the new vocabulary has keep their initial weights. The topic perceptron f and the topic neurons are
    copied only when both models name the same topics: topic 3 of one corpus is not topic 3 of another, even where
    shapes agree.

    Returns:
        For each variable of `model`, by its name, what was done: "copied", "k of n words" or "new".
    """
    known = {_name(variable): ops.convert_to_numpy(variable) for variable in source.trainable_variables}
    of_topics = [model.topic_perceptron, *([model.encoder.topics] if model.encoder.topic_neurons else [])]
    topics = {id(variable) for layer in of_topics for variable in layer.variables}
    word_axis = {id(variable): 0 for variable in model.decoder.embedding.variables}
    word_axis |= {id(variable): -1 for variable in model.decoder.readout.variables}
    pairs = [(i, source_vocabulary.id(w)) for i, w in enumerate(vocabulary) if w in source_vocabulary]
    here, there = np.array(pairs).T
    done = {}
    for variable in model.trainable_variables:
        name = _name(variable)
        old, what, axis = known.get(name), "copied", word_axis.get(id(variable))
        if old is not None and axis is not None:
            old = _match_words(ops.convert_to_numpy(variable), old, here, there, axis)
            what = f"{len(pairs)} of {len(vocabulary)} words"
        fits = old is not None and old.shape == tuple(variable.shape) and (same_topics or id(variable) not in topics)
        if fits:
            variable.assign(old)
        done[name] = what if fits else "new"
    return done


def _topic_names(topic_words: Sequence[Mapping[str, Sequence[float]]] | None) -> list[str]:
    """Each topic by its two likeliest words; none where its words are not known."""
    ranked = [sorted(words, key=lambda word: -words[word][1]) for words in topic_words or ()]
    return [", ".join(words[:2]) or f"topic {topic}" for topic, words in enumerate(ranked)]


def _name(variable: Any) -> str:
    """A variable's path within its model: a second model of a process is called captioner_1."""
    return variable.path.split("/", 1)[-1]


def _match_words(new: np.ndarray, old: np.ndarray, here: list[int], there: list[int], axis: int) -> np.ndarray | None:
    """`new` with the rows `here` along `axis` taken from the rows `there` of `old`; None where the rest differs."""
    new, old = np.moveaxis(new.copy(), axis, 0), np.moveaxis(old, axis, 0)
    if new.shape[1:] != old.shape[1:]:
        return None
    new[here] = old[there]
    return np.moveaxis(new, 0, axis)


def _file_digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
