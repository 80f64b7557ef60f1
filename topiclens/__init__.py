"""TopicLens: video captioning whose neurons have names.

    import topiclens

    captioner = topiclens.load("runs/sample")               # or a folder of versions, or one exported model
    captioner.caption("clip.mp4")                           # a caption
    captioner.explain("clip.mp4").plot()                    # the frames that each word looks at
    captioner.explain("clip.mp4", pixels=True)              # with heat maps over the frames
    captioner.what_if("clip.mp4", {"dance": 1.0})           # the caption if the clip showed more of a topic
    topiclens.connect("grpc://127.0.0.1:8500")              # the same three questions to a served model

    topiclens.read_videos("runs/sample", "val")             # the videos of a run's dataset
    topiclens.correct("runs/sample", "park-3", "dog", "Ann")  # Ann says that the caption of a video misses a topic

    topiclens.run("msvd", data="clips", root="runs/mine")   # the whole pipeline, from clips to a served model
    topiclens.fit_topics(captions, n_topics=100)            # one step alone: topics of captions
    topiclens.train("train*.gz", "val*.gz", ...)            # one step alone: a captioner
    topiclens.name_neurons(model, records)                  # one step alone: which neuron carries which topic

A video is a file, features (time, dim), RGB frames (time, height, width, 3) uint8, or a list of JPEG frames.
Where a package is missing, a function raises `topiclens.api.MissingDependency`, which says what to install.
"""

import importlib
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from topiclens.api import connect, correct, fit_topics, load, name_neurons, read_videos, run
    from topiclens.schemas.records import VideoRecord
    from topiclens.schemas.topic_lookup import UnknownTopic
    from topiclens.serving.answers import Caption, ExplainedCaption, WhatIf
    from topiclens.serving.errors import ServingError
    from topiclens.trainer.export import export
    from topiclens.trainer.training import train

__all__ = [
    "Caption", "ExplainedCaption", "ServingError", "UnknownTopic", "VideoRecord", "WhatIf", "__version__", "connect",
    "correct", "export", "fit_topics", "load", "name_neurons", "read_videos", "run", "train",
]  # fmt: skip

# All names are loaded on first use: importing TensorFlow takes seconds and TFX many, and the client needs neither.
# A name that is not listed here is in `api`.
_MODULES = {
    "schemas.records": ("VideoRecord",),
    "schemas.topic_lookup": ("UnknownTopic",),
    "serving.answers": ("Caption", "ExplainedCaption", "WhatIf"),
    "serving.errors": ("ServingError",),
    "trainer.export": ("export",),
    "trainer.training": ("train",),
}
# TFX and Kubeflow look artifact types up by their TYPE_NAME, ``topiclens.Dataset`` and so on.
_ARTIFACTS = (
    "Dataset", "FrameFeatures", "TopicModel", "ExamplesReport", "CaptionMetrics", "NeuronLinks", "NeuronFigures",
    "Explanations",
)  # fmt: skip


def __getattr__(name: str) -> object:
    if name in __all__:
        module = next((module for module, names in _MODULES.items() if name in names), "api")
        return getattr(importlib.import_module(f"topiclens.{module}"), name)
    if name in _ARTIFACTS:
        from topiclens.components.common import artifacts

        return getattr(artifacts, f"{name}Artifact")
    raise AttributeError(f"module 'topiclens' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
