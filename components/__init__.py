"""The steps of the pipeline, one folder each: a pure function, its Beam transforms, a thin TFX component.

Artifact types are importable as ``components.Dataset`` and so on, which is how
Kubeflow looks them up; they are loaded on first use, since importing TFX takes
many seconds and the pure functions do not need it.
"""

_ARTIFACTS = (
    "Dataset", "FrameFeatures", "TopicModel", "ExamplesReport", "CaptionMetrics", "NeuronLinks", "NeuronFigures",
    "Explanations",
)  # fmt: skip


def __getattr__(name):
    if name in _ARTIFACTS:
        from components import artifacts

        return getattr(artifacts, name)
    raise AttributeError(f"module 'components' has no attribute {name!r}")
