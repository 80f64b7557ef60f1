"""What goes with an exported model: its neurons' names, how clips are sampled for it, the network that sees them."""

import dataclasses
import filecmp
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from topiclens.components import atlas
from topiclens.components.neurons.links import TopicLinks, links_of
from topiclens.components.videos.sampling import WITH_STEP, Sampling
from topiclens.pipeline import run_metadata
from topiclens.pipeline.settings import SettingError, cache_folder
from topiclens.trainer.exported import read_meta, weights_path

LINKS, FIGURES = "topiclens.NeuronLinks", "topiclens.NeuronFigures"


def names_of(root: str, directory: str | None) -> tuple[TopicLinks | None, list[str]]:
    """The links of a model's neurons, and what a reader must know of them.

    Args:
        root: the run that may have trained the model; its links are left out where it trained another one.
        directory: the model, whose own links go first; None for a model on a server.
    """
    if directory is not None and (own := links_of(directory)) is not None:
        return own, []
    try:
        outcome = run_metadata.newest(root)
    except run_metadata.NothingThere:
        return None, [f"The neurons have no names here: there is no run at {root}. Name its root with --root."]
    if LINKS not in outcome.artifacts:
        return None, ["The neurons have no names here: the run learnt no topics (LSTM-B) or ended too soon."]
    theirs = weights_path(outcome.model)
    if directory is not None and not (os.path.exists(theirs) and filecmp.cmp(weights_path(directory), theirs, False)):
        return None, [f"The neurons have no names here: the newest run at {root} trained another model than this one."]
    return TopicLinks.load(outcome.folder(LINKS)), []


def atlas_of(root: str, links: TopicLinks | None) -> str | None:
    """The folder of the atlas that the newest run on a root wrote.

    Args:
        links: those of the model that is looked at: the run's own or one refined from it, whose topics and neurons have
            the same numbers. None is given for those of another run, and where there is no atlas.
    """
    try:
        outcome = run_metadata.newest(root)
    except run_metadata.NothingThere:
        return None
    if links is None or not {LINKS, FIGURES} <= set(outcome.artifacts):
        return None
    theirs, folder = TopicLinks.load(outcome.folder(LINKS)), os.path.join(outcome.folder(FIGURES), atlas.FOLDER)
    same = [(one.n_neurons, *(topic.meaning for topic in one.topics)) for one in (links, theirs)]
    return folder if same[0] == same[1] and os.path.isdir(folder) else None


def sampling_of(model: str | os.PathLike | Mapping, **changes: Any) -> Sampling:
    """How clips are sampled for a model: as in its training, unless a person asks for something else.

    Args:
        model: an exported model, or what a server tells of its own (`Captioning.about`). A model that does not tell its
            sampling was trained on the default.
        changes: `policy`, `n_frames` and `step`; None leaves the model's own.
    Raises:
        SamplingError: there is no such policy, or a number is below 1.
        SettingError: a step is asked of a policy that has none.
    """
    changes = {name: value for name, value in changes.items() if value is not None}
    told = model if isinstance(model, Mapping) else read_meta(model)
    sampling = dataclasses.replace(Sampling.of(told.get("features", {})), **changes)
    if "step" in changes and sampling.policy not in WITH_STEP:
        raise SettingError(f"--step goes with --sampling {' or '.join(WITH_STEP)}; '{sampling.policy}' has no step.")
    return sampling


def frame_features(meta: Mapping, directory: str) -> Callable[[Sequence[bytes]], np.ndarray]:
    """Turns JPEG frames into features (time, feature_dim), by the graph of a server. See `backbone_of`."""
    import tensorflow as tf

    from topiclens.trainer.endpoints import build_extract

    network = build_extract(backbone_of(meta, directory))
    return lambda jpegs: network(tf.constant([jpegs]))[0].numpy()


def backbone_of(meta: Mapping, directory: str) -> Any:
    """The network that turns a model's frames into features; `meta` is the content of the export's captioner.json.

    Raises:
        SettingError: the model reads features that its dataset brought.
    """
    from topiclens.components.features.backbones import registry

    backbone = registry.of_features(meta["features"], cache_folder())
    if backbone is None:
        raise SettingError(
            f"The model in {directory} reads features that its dataset brought, so it cannot see a video file. "
            "Name videos of its run's dataset by their ids, such as topiclens explain --id ID --root ROOT."
        )
    return backbone
