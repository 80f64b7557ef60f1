"""How steady the names of the neurons are while a captioner learns."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from topiclens.trainer.checkpoints import TrainingState
from topiclens.trainer.optimizers import averaged_weights
from topiclens.trainer.settings import TrainingConfig
from topiclens.trainer.videos import Videos

# (videos, neurons) mean activations, (videos, topics) 0 or 1, the TopicPerceptron -> (neurons,) int, topics or -1.
NameNeurons = Callable[[np.ndarray, np.ndarray, keras.layers.Layer], np.ndarray]

_SAMPLED = 1000  # videos
_BATCH = 100  # videos


class FollowNames(keras.callbacks.Callback):
    """Names the neurons after each epoch, on a sample of the training videos, and compares these names with the last.

    The sample is the same in every epoch: at most 1,000 videos, equally spaced in the order of their ids. With averaged
    weights, those are the ones that are looked at. The names are part of the progress that a checkpoint keeps, so a
    training that was killed goes on with the same figures.

    Adds to `logs`:
        neurons_named: how many neurons have a name.
        neurons_kept: |{j : a_j = b_j}| / |{j}| over the neurons j that have a name both now, a_j, and after the epoch
            before, b_j; 1 where no name changed. Absent after the first epoch, and where no neuron has two names.
        neurons_topics: the share of the topics of the sample that some neuron is named by.

    Args:
        name_neurons: names neurons by topics.
        videos: of the training split.
        state: keeps the names of the epoch before.
    """

    def __init__(self, name_neurons: NameNeurons, videos: Videos, settings: TrainingConfig, state: TrainingState):
        super().__init__()
        self.name_neurons = name_neurons
        self.videos = videos
        self.settings = settings
        self.state = state
        sampled = min(len(videos), _SAMPLED)
        self._sample = np.arange(sampled) * len(videos) // sampled
        self._topics = videos.topics[self._sample]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with averaged_weights(self.model):
            names = np.asarray(self.name_neurons(self._mean_activations(), self._topics, self.model.topic_perceptron))
        logs |= figures(names, self.state.neuron_names, self._topics)
        self.state.neuron_names = names.tolist()

    def _mean_activations(self) -> np.ndarray:
        means = []
        for start in range(0, len(self._sample), _BATCH):
            frames = self.videos.padded_frames(self._sample[start : start + _BATCH], self.settings.n_frames)
            means.append(ops.convert_to_numpy(self.model.encode(ops.convert_to_tensor(frames))["mean"]))
        return np.concatenate(means)


def figures(names: np.ndarray, before: list[int] | None, topics: np.ndarray) -> dict[str, float]:
    """The figures that `FollowNames` logs.

    Args:
        names: (neurons,) int, a topic each; -1 for a neuron without a name.
        before: the same after the epoch before; None if there was none.
        topics: (videos, topics), not 0 where a topic occurs.
    """
    occurring = np.flatnonzero(topics.any(axis=0))
    found = {
        "neurons_named": float(np.sum(names >= 0)),
        "neurons_topics": float(np.isin(occurring, names).sum() / max(len(occurring), 1)),
    }
    if before is not None:
        both = (names >= 0) & (np.asarray(before) >= 0)
        if both.any():
            found["neurons_kept"] = float(np.mean(names[both] == np.asarray(before)[both]))
    return found
