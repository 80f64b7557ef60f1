"""What goes with an exported model of a run: the names of its neurons, and the network that sees frames for it."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from components.neurons.links import TopicLinks, links_of
from pipeline import lineage
from pipeline.configs import cache_folder
from pipeline.values import SettingError
from trainer.exported import weights_path

LINKS = "components.NeuronLinks"


def names_of(root: str, directory: str | None) -> tuple[TopicLinks | None, list[str]]:
    """The links of a model's neurons, and what a reader must know of them.

    Args:
        root: the run that may have trained the model.
        directory: the model, whose own links go first, and those of a run that trained another one are left out; None
            where it is on a server, and cannot be told.
    """
    if directory is not None and (own := links_of(directory)) is not None:
        return own, []
    try:
        outcome = lineage.newest(root)
    except lineage.NothingThere:
        return None, [f"The neurons have no names here: there is no run at {root}. Name its root with --root."]
    if LINKS not in outcome.artifacts:
        return None, ["The neurons have no names here: the run learnt no topics (LSTM-B) or ended too soon."]
    if directory is not None and not _same_weights(directory, outcome):
        return None, [f"The neurons have no names here: the newest run at {root} trained another model than this one."]
    return TopicLinks.load(outcome.folder(LINKS)), []


def frame_features(meta: Mapping, directory: str) -> Callable[[Sequence[bytes]], np.ndarray]:
    """Features (time, feature_dim) of frames, from the same JPEGs and by the same graph as a server's: both write the
    same caption.

    Args:
        meta: the content of the export's captioner.json.
        directory: of the export.
    Raises:
        SettingError: the model reads features that its dataset brought.
    """
    import tensorflow as tf

    from components.features.backbones import registry
    from trainer.export import extraction

    backbone = registry.of_features(meta["features"], cache_folder())
    if backbone is None:
        raise SettingError(
            f"The model in {directory} reads features that its dataset brought, so it cannot see a video file. "
            "Name videos of its run's dataset by their ids, such as topiclens explain --id ID --root ROOT."
        )
    network = extraction(backbone)
    return lambda jpegs: network(tf.constant([jpegs]))[0].numpy()


def _same_weights(directory: str, outcome: lineage.Outcome) -> bool:
    mine, theirs = weights_path(directory), weights_path(outcome.model)
    return os.path.exists(theirs) and filecmp.cmp(mine, theirs, shallow=False)
