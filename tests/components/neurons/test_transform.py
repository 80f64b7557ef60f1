"""PDM by Beam gives what it gives on arrays."""

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing import test_pipeline
from apache_beam.testing.util import assert_that

from topiclens.components.neurons import activations
from topiclens.components.neurons.pdm import tally
from topiclens.components.neurons.transform import TallyNeurons
from topiclens.schemas import records


@pytest.mark.parametrize(("batch_size", "baseline"), [(2, "zero"), (64, "zero"), (2, "mean")])
def test_the_tally_is_that_of_all_videos_at_once(model_dir, videos, batch_size, baseline):
    model = activations.load(model_dir)
    whole = activations.mean_activations(videos, model.encode)
    expected = tally(whole.mean, whole.topics, model.f, whole.mean.mean(axis=0) if baseline == "mean" else None)

    def check(found):
        (found,) = found
        np.testing.assert_array_equal(found.votes, expected.votes)
        np.testing.assert_array_equal(found.videos, expected.videos)
        np.testing.assert_allclose(found.differences, expected.differences, atol=1e-5)

    with test_pipeline.TestPipeline() as pipeline:
        serialized = pipeline | beam.Create([records.encode(video) for video in videos])
        assert_that(serialized | TallyNeurons(model_dir, baseline=baseline, batch_size=batch_size), check)
