"""A parent whose neurons are planted, with videos and corrections to teach it by, and no more."""

import dataclasses
import hashlib
import pathlib

import numpy as np

from tests.components.neurons.planted import MAN, VOCABULARY, links, planted_captioner
from topiclens.components.refinement.refine import Evidence
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.topics.table import Topic
from topiclens.schemas.corrections import CorrectedTopic, Correction, now
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.export import export

TOPICS = tuple(Topic(link.id, link.name, link.words, None, 0.5) for link in links().topics)
SETTINGS = RefinementSettings(
    nearness="weights", mu=(1e-4,), max_drop={"BLEU-4": 1.0, "CIDEr": 10.0}, max_slice_drop={}, max_renamed=1.0
)


def clip(name: str, split: str, seed: int, caption="a dog", topics=(1, 0, 0)) -> VideoRecord:
    frames = np.random.default_rng(seed).normal(size=(4, 6)).astype(np.float32)
    return VideoRecord(name, split, frames, (caption,), np.array(topics))


VAL = [clip(f"val{i}", "val", i, "a man" if i == 0 else "dog dog dog", (0, 1, 0)) for i in range(4)]
TRAIN = [clip(f"train{i}", "train", 10 + i) for i in range(5)]
EVIDENCE = Evidence(TRAIN, VAL, TOPICS, links())


def correction(video="val0", topic=1, number=1, before="dog dog dog") -> Correction:
    missed = TOPICS[topic]
    return Correction(
        f"{number:032x}", now(), "Ann", video, "5f" * 32, CorrectedTopic(topic, missed.name, missed.words), before, "1"
    )


def export_parent(folder, enhancement=None) -> None:
    """Its captioner always says "dog"; the man's neuron would speak for "man", and is the man's score."""
    captioner = planted_captioner()
    captioner.config = dataclasses.replace(captioner.config, interpretive_weight=0.1)
    for layer, place in ((captioner.topic_perceptron.hidden, (MAN, 0)), (captioner.topic_perceptron.score, (0, 1))):
        kernel = np.zeros(layer.kernel.shape)
        kernel[place] = 1
        layer.kernel.assign(kernel)
    features = {"backbone": None, "n_frames": 4, "dim": 6}
    topics = [{"id": topic.id, "name": topic.name, "words": topic.words} for topic in TOPICS]
    export(
        captioner, VOCABULARY, folder, features=features, enhancement=enhancement, topics=topics, max_words=3, beam=1
    )


def hashes(folder) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(pathlib.Path(folder).rglob("*"))
        if path.is_file()
    }
