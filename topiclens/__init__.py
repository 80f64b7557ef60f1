"""TopicLens: video captioning whose neurons have names."""

__version__ = "0.2.0"

# TFX and Kubeflow look artifact types up by their TYPE_NAME, ``topiclens.Dataset`` and so on. They are loaded on first
# use: importing TFX takes many seconds, and the rest does not need it.
_ARTIFACTS = (
    "Dataset", "FrameFeatures", "TopicModel", "ExamplesReport", "CaptionMetrics", "NeuronLinks", "NeuronFigures",
    "Explanations",
)  # fmt: skip


def __getattr__(name):
    if name in _ARTIFACTS:
        from topiclens.components.common import artifacts

        return getattr(artifacts, f"{name}Artifact")
    raise AttributeError(f"module 'topiclens' has no attribute {name!r}")
