"""A small exported captioner and the records of a few videos."""

import numpy as np
import pytest

from topiclens.schemas.records import VideoRecord
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.export import export
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.vocabulary import Vocabulary

WORDS = ("a", "man", "dog", "runs")
DIM, TOPICS = 6, 5


def small_captioner(seed=0, **changes):
    """A captioner with random weights."""
    config = dict(
        vocabulary_size=len(Vocabulary(WORDS)), feature_dim=DIM, n_topics=TOPICS, encoder_units=4, attention_units=3,
        decoder_units=5, embedding_units=4, topic_units=7, topics="mlp", interpretive_weight=0.1,
    )  # fmt: skip
    model = Captioner(CaptionerConfig(**(config | changes)), name="captioner")
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(scale=0.7, size=variable.shape))
    return model


@pytest.fixture(scope="session")
def captioner():
    return small_captioner()


@pytest.fixture(scope="session")
def videos():
    """Clips of one to four frames; the third has no topic."""
    rng = np.random.default_rng(1)
    topics = (rng.random((9, TOPICS)) < 0.4).astype(np.int64)
    topics[2] = 0
    return [
        VideoRecord(
            f"video{i}", "train", rng.normal(size=(1 + i % 4, DIM)).astype(np.float32), ("a man runs",), topics[i]
        )
        for i in range(9)
    ]


def exported(captioner, folder) -> str:
    """An export of a captioner."""
    export(captioner, Vocabulary(WORDS), folder, features={"backbone": None, "n_frames": 4, "dim": DIM})
    return str(folder)


@pytest.fixture(scope="session")
def model_dir(captioner, tmp_path_factory):
    return exported(captioner, tmp_path_factory.mktemp("neurons") / "model")
