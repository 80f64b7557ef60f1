"""What the steps hand on to each other, as TFX artifact types.

Vertex AI and Kubeflow find an artifact's class by its type name, read as an import path: ``topiclens.Dataset`` must be
importable under that very name. ``topiclens/__init__.py`` hands these classes on lazily.
"""

from tfx.types.artifact import Artifact


class DatasetArtifact(Artifact):
    """Accepted rows (``videos.jsonl``, ``texts.jsonl``), ``rejected.jsonl``, ``summary.json``."""

    TYPE_NAME = "topiclens.Dataset"


class FrameFeaturesArtifact(Artifact):
    """``index.jsonl``, naming the shards of frame features, and ``rejected.jsonl``."""

    TYPE_NAME = "topiclens.FrameFeatures"


class TopicModelArtifact(Artifact):
    """``model.npz``, ``topics.json`` (the readable table), ``labels.jsonl``."""

    TYPE_NAME = "topiclens.TopicModel"


class NeuronLinksArtifact(Artifact):
    """``links.json``: which neurons carry which topic, and ``tally.npz``, the counts behind it."""

    TYPE_NAME = "topiclens.NeuronLinks"


class NeuronFiguresArtifact(Artifact):
    """``figures.json`` and ``summary.md``: how well the neurons of one model carry their topics."""

    TYPE_NAME = "topiclens.NeuronFigures"


class ExplanationsArtifact(Artifact):
    """``index.html`` and ``index.json``; of each explained video a page, a picture and the numbers."""

    TYPE_NAME = "topiclens.Explanations"


class ExamplesReportArtifact(Artifact):
    """``report.json``: what the check of the records found."""

    TYPE_NAME = "topiclens.ExamplesReport"


class CaptionMetricsArtifact(Artifact):
    """``metrics.json``, ``captions.jsonl`` and ``summary.md`` of one judged model."""

    TYPE_NAME = "topiclens.CaptionMetrics"
