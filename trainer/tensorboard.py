"""TensorBoard logs that a resumed training continues without a gap and without a value twice.

Each epoch is one event file whose name is made of the epoch's number. It is written aside and renamed when the epoch is
over; an epoch that is repeated after a kill replaces its own file.
"""

import datetime
import itertools
import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tensorboard.plugins.histogram import metadata as histogram_metadata

from topiclens.schemas.files import read_json, write_json
from topiclens.schemas.tables import markdown_table
from topiclens.trainer.callbacks import FollowNames
from topiclens.trainer.profiles import draw_profiles
from topiclens.trainer.settings import TrainingConfig
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.validation import Validation

_ASIDE = "unfinished"
_NAME_FILE = "logs.json"
_SPEEDS = ("captions_per_second", "input_wait_share", "learning_rate")
_ACTIVATION_VIDEOS = 32
_SAMPLE_CAPTIONS = 8
_NEURONS = {
    "neurons_named": ("neurons/named", "Neurons that have a topic."),
    "neurons_kept": ("neurons/keep_topic", "Share of the neurons named now and an epoch ago whose topic is the same."),
    "neurons_topics": ("neurons/topics_with_neuron", "Share of the topics that give their name to a neuron."),
}


_PROFILES = (
    "The mean activation of every neuron in the videos of a topic (Dong et al. 2017, Fig. 3), epoch by epoch, of the "
    "topics that occur most in a sample of at most 1,000 training videos. Neurons that the topic names are red; a "
    "topic's own neurons stand on tinted ground. All have one scale, whose end is written in the corner."
)


def log_folder(work_dir: str, run_dir: str, title: str) -> str:
    """Where a training that has a folder `run_dir` of its own within `work_dir` logs to: beside it, under a name that
    people can tell from others in TensorBoard's list, such as `LSTM-I seed 0 · 2026-11-30 21:30 UTC`.

    A training that goes on keeps the name that it began with.
    """
    kept = os.path.join(run_dir, _NAME_FILE)
    if not tf.io.gfile.exists(kept):
        begun = f"{title} · {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"
        names = itertools.chain([begun], (f"{begun} ({number})" for number in itertools.count(2)))
        name = next(name for name in names if not tf.io.gfile.exists(os.path.join(work_dir, name)))
        tf.io.gfile.makedirs(os.path.join(work_dir, name))
        write_json(kept, {"name": name})
    return os.path.join(work_dir, read_json(kept)["name"])


class TensorBoardEpochs(keras.callbacks.Callback):
    """Writes scalars, histograms of weights and activations, sample captions and the graph; the step is the epoch.

    Scalars: `train/...` and `val/...` with the caption loss and the interpretive loss, `val/<metric>`; `training/` with
    the learning rate, captions/s and the share of time waiting for input; `neurons/` with how steady the names of the
    neurons are, and a picture of what neurons do in the videos of topics. The graph is made of `batch_spec`, the specs
    of a training batch.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike,
        settings: TrainingConfig,
        batch_spec: dict,
        validation: Validation,
        names: FollowNames | None = None,
    ):
        super().__init__()
        self._names = names
        self.log_dir = os.fspath(log_dir)
        self.settings = settings
        self.validation = validation
        self._batch_spec = batch_spec
        videos = validation.videos
        shown = range(min(_ACTIVATION_VIDEOS, len(videos)))
        self._frames = videos.padded_frames(shown, settings.n_frames)
        self._shown_ids = videos.ids[:_SAMPLE_CAPTIONS]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        aside = os.path.join(self.log_dir, _ASIDE)
        if tf.io.gfile.exists(aside):  # of a kill while writing
            tf.io.gfile.rmtree(aside)
        writer = tf.summary.create_file_writer(aside)
        with writer.as_default(step=epoch + 1):
            self._scalars(logs)
            self._captions()
            self._profiles()
            if self.settings.histogram_every and epoch % self.settings.histogram_every == 0:
                self._histograms()
            if epoch == 0 and keras.backend.backend() == "tensorflow":
                tf.summary.graph(self._forward_graph())
        writer.close()
        (written,) = tf.io.gfile.listdir(aside)
        # TensorBoard reads the event files of a folder in the order of their names.
        name = os.path.join(self.log_dir, f"events.out.tfevents.{epoch + 1:010d}.epoch.v2")
        tf.io.gfile.rename(os.path.join(aside, written), name, overwrite=True)
        tf.io.gfile.rmtree(aside)

    def _scalars(self, logs: Any) -> None:
        for name, value in logs.items():
            own = name.removeprefix("val_")
            split = "training" if name in _SPEEDS else "train" if own == name else "val"
            tag, description = _NEURONS.get(name, (f"{split}/{own}", None))
            tf.summary.scalar(tag, value, description=description)

    def _captions(self) -> None:
        captions, references = self.validation.captions, self.validation.references
        shown = [video_id for video_id in self._shown_ids if video_id in captions]
        rows = [(video_id, f"**{captions[video_id]}**", "<br>".join(references[video_id])) for video_id in shown]
        if rows:
            tf.summary.text("captions", markdown_table(("video", "caption", "references"), rows))

    def _profiles(self) -> None:
        profiles = self._names.profiles() if self._names is not None else []
        if profiles:
            picture = draw_profiles(profiles, self.model.config.topic_neurons)
            tf.summary.image("neurons/profiles", picture[None], description=_PROFILES)

    def _histograms(self) -> None:
        for variable in self.model.trainable_variables:
            write_histogram(f"weights/{variable.path}", ops.convert_to_numpy(variable))
        activations = self.model.encode(self._frames)
        real = ops.convert_to_numpy(activations["mask"])
        write_histogram("activations/v", ops.convert_to_numpy(activations["v"])[real])
        write_histogram("activations/mean_v", ops.convert_to_numpy(activations["mean"]))
        write_histogram("activations/topic_scores", ops.convert_to_numpy(self.model.topic_scores(self._frames)))

    def _forward_graph(self) -> tf.Graph:
        # Named, where the graph would call them x, x_1 and Identity.
        inputs = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in self._batch_spec.items()}

        @tf.function
        def forward(x: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: tf.identity(value, name) for name, value in self.model(x, training=False).items()}

        return forward.get_concrete_function(inputs).graph


def write_histogram(tag: str, values: np.ndarray, buckets: int = 30) -> None:
    """What ``tf.summary.histogram`` writes of the finite values. That one takes 280 bytes of memory for each, 14 GB for
    the largest weight of the paper's decoder."""
    counts, edges = np.histogram(values[np.isfinite(values)], buckets)
    rows = np.stack([edges[:-1], edges[1:], counts], axis=1)
    tf.summary.write(tag, rows, metadata=histogram_metadata.create_summary_metadata(None, None))
