"""Compiles the pipeline into the specification that Vertex AI Pipelines and Kubeflow Pipelines 2 run."""

import os

from tfx import v1 as tfx

from topiclens.pipeline import topic_register
from topiclens.pipeline.local_runner import LOCAL_BEAM
from topiclens.pipeline.pipeline import Paths, create_pipeline
from topiclens.pipeline.repair.corrections import list_live_corrections, list_written_captions
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
    schema: str = SCHEMA_IN_IMAGE,
    base_model: str | None = None,
) -> str:
    """Writes the pipeline specification, a JSON file, and returns its path.

    Args:
        settings: the corrections of the ledger that `refinement.ledger` names are taught.
        data: the dataset's folder as the cluster sees it: a mounted path.
        root: the folder of all artifacts, such as ``gs://bucket/topiclens``.
        image: the container image that holds this package.
        schema: the curated schema, as the image holds it.
        base_model: an exported model to start training from.
    """
    previous = None if settings.topics.previous == topic_register.ANEW else settings.topics.previous
    pipeline = create_pipeline(
        settings,
        Paths(data=data, root=root, content="", schema=schema, base_model=base_model, previous_topics=previous),
        governance=topic_register.governance_of(settings, root),
        corrections=list_live_corrections(root, settings.refinement),
        written=list_written_captions(root, settings.refinement),
        beam_pipeline_args=list(LOCAL_BEAM),
    )
    kubeflow, (folder, name) = tfx.orchestration.experimental, os.path.split(os.path.abspath(output))
    config = kubeflow.KubeflowV2DagRunnerConfig(default_image=image, use_pipeline_spec_2_1=True)
    runner = kubeflow.KubeflowV2DagRunner(config=config, output_dir=folder, output_filename=name)
    runner.run(pipeline, write_out=True)
    return output
