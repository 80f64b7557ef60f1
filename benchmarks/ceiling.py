"""How well the topics of a run's videos can be told from frame features, without a captioner.

    python -m benchmarks.ceiling --root runs/lstm-i

Two measures on the training videos: a ridge regression from a video's mean frame features to its topics (`--ridge`, for
features of variance 1), and for each topic the one feature that tells it best. Both are judged on validation as
`components.neurons.figures` judges neurons: by the mean AUC over the topics that occur. A neuron that detects its topic
can be expected between the two.
"""

import os

import numpy as np

from benchmarks.common import parse_options
from topiclens.components.neurons.figures import roc_auc
from topiclens.pipeline import run_metadata
from topiclens.schemas import records


def main() -> None:
    options = parse_options(__doc__, root="runs/sample", ridge=1.0)
    examples = run_metadata.newest(options.root).folder("Examples")
    (x, topics), (val_x, val_topics) = (means_of(examples, split) for split in ("train", "val"))
    occurring = topics.any(axis=0) & val_topics.any(axis=0)
    topics, val_topics = topics[:, occurring], val_topics[:, occurring]
    of_map = np.diag(roc_auc(linear_map(x, topics, val_x, options.ridge), val_topics))
    best = np.argmax(roc_auc(x, topics), axis=0)  # the feature that tells each topic best on training
    of_feature = np.diag(roc_auc(val_x[:, best], val_topics))
    print(f"{len(x)} videos of training, {len(val_x)} of validation, {topics.shape[1]} topics, {x.shape[1]} features")
    print(f"linear map           mean AUC {np.nanmean(of_map):.3f}")
    print(f"best single feature  mean AUC {np.nanmean(of_feature):.3f}")


def means_of(examples: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean features over the real frames (videos, dim), and topics (videos, topics)."""
    videos = records.read(records.files_of(os.path.join(examples, f"Split-{split}")))
    means, topics = zip(*((v.frames[records.frame_mask(v.frames)].mean(axis=0), v.topics) for v in videos))
    return np.array(means, np.float64), np.array(topics)


def linear_map(x: np.ndarray, topics: np.ndarray, val_x: np.ndarray, ridge: float) -> np.ndarray:
    """Scores (val videos, topics) of a ridge regression of the topics on standardised features."""
    center, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    z, val_z = (x - center) / scale, (val_x - center) / scale
    weights = np.linalg.solve(z.T @ z + ridge * len(z) * np.eye(z.shape[1]), z.T @ (topics - topics.mean(axis=0)))
    return val_z @ weights


if __name__ == "__main__":
    main()
