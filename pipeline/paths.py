"""Where a pipeline reads and writes."""

from __future__ import annotations

import dataclasses
import os
from importlib import resources

NAME = "topiclens"


@dataclasses.dataclass(frozen=True)
class Paths:
    """Where a pipeline reads and writes; local folders or an object store's.

    Args:
        data: the dataset's folder.
        root: the folder of all artifacts.
        content: a fingerprint of the dataset's content; a new one ingests anew.
        schema: the curated schema, as the machine that runs the steps sees it.
        base_model: an exported model to start training from, or None.
        cache: where downloaded weights are kept, as the machine that runs the steps sees it.
        previous_topics: the folder of the earlier topic model whose ids are kept, or None.
    """

    data: str
    root: str
    content: str
    schema: str = str(resources.files("topiclens.schemas") / "curated.pbtxt")
    base_model: str | None = None
    cache: str | None = None
    previous_topics: str | None = None

    @property
    def feature_store(self) -> str:
        """Finished shards of features, which outlive runs."""
        return os.path.join(self.root, "feature_store")

    @property
    def training(self) -> str:
        """Checkpoints and logs, from which a killed training goes on."""
        return os.path.join(self.root, "training")

    @property
    def baseline(self) -> str:
        """The figures of the last blessed model."""
        return os.path.join(self.root, "baseline")

    @property
    def serving(self) -> str:
        """The versions that a model server reads."""
        return os.path.join(self.root, "serving", NAME)
