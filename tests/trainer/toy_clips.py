"""A world small enough to train on in seconds: something coloured runs, sits or jumps, in clips of one or two frames.

Run as a program, it trains in FOLDER and kills itself with signal 9 when a line of progress begins with LINE.
"""

import os
import signal
import sys
from unittest import mock

import numpy as np

from topiclens.schemas import records
from topiclens.schemas.progress import no_progress
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.settings import CaptionerConfig, TrainingConfig
from topiclens.trainer.vocabulary import Vocabulary

COLOURS = ("red", "green", "blue")
ACTIONS = ("runs", "sits", "jumps")
DIM = N_TOPICS = len(COLOURS) + len(ACTIONS)
FRAMES = 2

SETTINGS = dict(
    epochs=4,
    batch_captions=24,
    n_frames=FRAMES,
    learning_rate=0.02,
    average_weights=0.5,
)


def clips(count: int, split: str, seed: int) -> list[VideoRecord]:
    """Videos whose features show a colour and an action, which are also their two topics and make their captions."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        colour, action = rng.integers(3, size=2)
        frames = 0.1 * rng.random((rng.integers(1, FRAMES + 1), DIM), np.float32) + 0.01
        frames[:, [colour, 3 + action]] += 1
        topics = np.zeros(N_TOPICS, np.int64)
        topics[[colour, 3 + action]] = 1
        captions = (f"{COLOURS[colour]} {ACTIONS[action]}", ACTIONS[action])
        made.append(VideoRecord(f"{split}{i:02d}", split, frames, captions, topics))
    return made


def vocabulary() -> Vocabulary:
    return Vocabulary([*COLOURS, *ACTIONS])


def topic_words() -> list[dict[str, tuple[float, float]]]:
    """Each topic has one word, which is all that it says."""
    return [{word: (1.5, 1.0)} for word in (*COLOURS, *ACTIONS)]


def model(**changes) -> CaptionerConfig:
    sizes = dict(
        vocabulary_size=len(vocabulary()),
        feature_dim=DIM,
        n_topics=N_TOPICS,
        encoder_units=8,
        attention_units=8,
        decoder_units=16,
        embedding_units=8,
        topic_units=8,
    )
    return CaptionerConfig(**(sizes | changes))


def write(folder) -> dict[str, str]:
    """Writes both splits; gives the file arguments of `train`."""
    for split, count in (("train", 36), ("val", 9)):
        path = os.path.join(folder, f"{split}.gz")
        if not os.path.exists(path):
            records.write(path, clips(count, split, seed=count))
    return {f"{split}_files": os.path.join(folder, f"{split}.gz") for split in ("train", "val")}


def score(references: dict[str, list[str]], captions: dict[str, str]) -> dict[str, float]:
    """The share of words that some reference has too, in place of CIDEr."""
    shares = []
    for video_id, caption in captions.items():
        known = set(" ".join(references[video_id]).split())
        words = caption.split()
        shares.append(sum(word in known for word in words) / max(2, len(words)))
    return {"CIDEr": float(np.mean(shares))}


def name_neurons(mean, topics, topic_perceptron) -> np.ndarray:
    """Each neuron by the topic in whose clips it is most active, in place of prediction differences."""
    return (mean.T @ topics / topics.sum(axis=0)).argmax(axis=1)


def train(folder, *, model=model(), progress=no_progress, work="work", **changes):
    """Trains in `folder`/`work`; `changes` are settings of training."""
    from topiclens.trainer import callbacks
    from topiclens.trainer.training import train

    with mock.patch.object(callbacks, "LOG_EVERY_SECONDS", 0):
        return train(
            **write(folder),
            vocabulary=vocabulary(),
            model=model,
            training=TrainingConfig(**(SETTINGS | changes)),
            work_dir=os.path.join(folder, work),
            score_captions=score,
            name_neurons=name_neurons,
            topic_words=topic_words(),
            progress=progress,
        )


def _kill_at(beginning: str):
    def progress(what: str, share: float | None = None) -> None:
        if what.startswith(beginning):
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


if __name__ == "__main__":
    train(sys.argv[1], progress=_kill_at(sys.argv[2]), histogram_every=0)
