"""How well the topics of a run's videos can be told from frame features, without a captioner.

    python -m benchmarks.ceiling --root runs/lstm-i

Two measures on the training videos: a ridge regression from a video's mean frame features to its topics (`--ridge`, for
features of variance 1), and for each topic the one feature that correlates most with it. Both are judged on validation
as `components.neurons.detection` judges neurons, on average over the topics that occur in both splits. A neuron that
detects its topic can be expected between the two.
"""

import functools
import os

import numpy as np

from benchmarks.common import parse_options
from topiclens.components.neurons.controls import best_feature, linear_map, scored
from topiclens.components.neurons.detection import METRICS, detect, mean_detection
from topiclens.pipeline import run_metadata
from topiclens.schemas import records


def main() -> None:
    options = parse_options(__doc__, root="runs/sample", ridge=1.0)
    examples = run_metadata.newest(options.root).folder("Examples")
    (x, topics), (val_x, val_topics) = (means_of(examples, split) for split in ("train", "val"))
    occurring = topics.any(axis=0) & val_topics.any(axis=0) & ~val_topics.all(axis=0)
    topics, val_topics = topics[:, occurring], val_topics[:, occurring]
    print(f"{len(x)} videos of training, {len(val_x)} of validation, {topics.shape[1]} topics, {x.shape[1]} features")
    print(" " * 20, *(f"{name.replace('_', ' '):>17}" for name in METRICS))
    for label, fit in (
        ("linear map", functools.partial(linear_map, ridge=options.ridge)),
        ("best single feature", best_feature),
    ):
        known, asked = scored(fit, x, topics, val_x)
        found = mean_detection(detect(known, topics, asked, val_topics))
        print(f"{label:20}", *(f"{getattr(found, name):17.3f}" for name in METRICS))


def means_of(examples: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean features over the real frames (videos, dim), and topics (videos, topics)."""
    videos = records.read(records.files_of(os.path.join(examples, f"Split-{split}")))
    means, topics = zip(*((v.frames[records.frame_mask(v.frames)].mean(axis=0), v.topics) for v in videos))
    return np.array(means, np.float64), np.array(topics)


if __name__ == "__main__":
    main()
