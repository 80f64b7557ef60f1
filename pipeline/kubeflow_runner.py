"""Compiles the pipeline into the specification that Vertex AI Pipelines and Kubeflow Pipelines 2 run."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tfx import v1 as tfx

from topiclens.pipeline import topic_register
from topiclens.pipeline.beam import LOCAL_BEAM
from topiclens.pipeline.pipeline import Paths, create_pipeline
from topiclens.pipeline.repair.corrections import list_live_corrections
from topiclens.pipeline.settings import Settings

# Where serving/containers/pipeline.Dockerfile lays the package.
SCHEMA_IN_IMAGE = "/topiclens/schemas/curated.pbtxt"


def compile_pipeline(
    settings: Settings,
    *,
    data: str,
    root: str,
    image: str,
    output: str,
    content: str = "",
    schema: str = SCHEMA_IN_IMAGE,
    base_model: str | None = None,
    beam_arguments: Sequence[str] = LOCAL_BEAM,
) -> str:
    """Writes the pipeline specification, a JSON file.

    Args:
        settings: every setting; the corrections of the ledger that `refinement.ledger` names are taught.
        data: the dataset's folder as the cluster sees it: a mounted path.
        root: the folder of all artifacts, such as ``gs://bucket/topiclens``.
        image: the container image that holds this package.
        output: the file to write.
        content: a fingerprint of the dataset; change it to have the dataset ingested anew.
        schema: the curated schema, as the image holds it.
        base_model: an exported model to start training from.
        beam_arguments: Beam's arguments; by default each step's container is its only worker.
    Returns:
        ``output``.
    """
    previous = None if settings.topics.previous == topic_register.ANEW else settings.topics.previous
    paths = Paths(data=data, root=root, content=content, schema=schema, base_model=base_model, previous_topics=previous)
    pipeline = create_pipeline(
        settings,
        paths,
        governance=topic_register.governance_of(settings, root),
        corrections=list_live_corrections(root, settings.refinement),
        beam_pipeline_args=list(beam_arguments),
    )
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(
            default_image=image, use_pipeline_spec_2_1=True
        ),
        output_dir=os.path.dirname(os.path.abspath(output)),
        output_filename=os.path.basename(output),
    )
    runner.run(pipeline, write_out=True)
    return output
