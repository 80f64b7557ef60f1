"""How steady the names of a run's neurons are: how many change where nothing but the videos changes.

    python -m benchmarks.names --root runs/msrvtt

The unchanged model's neurons are named again on the training videos, drawn anew with repetition (Efron 1979), `--draws`
times. What changes then is chance: a refinement that changes no more names does no harm. Compare
`refinement.max_renamed` with these figures.
"""

import os

import numpy as np

from benchmarks.common import parse_options
from topiclens.components.neurons.activations import encoder_of, load, mean_activations
from topiclens.components.neurons.links import link
from topiclens.components.neurons.pdm import tally
from topiclens.components.topics.model import TopicModel
from topiclens.pipeline import run_metadata
from topiclens.schemas import records

VOTES = (1, 2, 3, 5)


def main() -> None:
    options = parse_options(__doc__, root="runs/sample", draws=20)
    outcome = run_metadata.newest(options.root)
    model, topics = load(outcome.model), TopicModel.load(outcome.folder("topiclens.TopicModel")).topics
    files = records.files_of(os.path.join(outcome.folder("Examples"), "Split-train"))
    seen = mean_activations(records.read(files), encoder_of(model.captioner))
    videos = len(seen.mean)

    def links_on(places: np.ndarray):
        own = model.captioner.config.topic_neurons
        return link(tally(seen.mean[places], seen.topics[places], model.f), topics, topic_neurons=own)

    named = links_on(np.arange(videos))
    draws = [np.random.default_rng(seed).integers(0, videos, videos) for seed in range(options.draws)]
    drawn = [links_on(places).topic_of() for places in draws]
    print(f"{videos} training videos, drawn anew {options.draws} times")
    for fewest in VOTES:
        if firm := named.topic_of(fewest):
            changed = [np.mean([new.get(neuron) != topic for neuron, topic in firm.items()]) for new in drawn]
            print(f"named by {fewest} videos or more: {len(firm):4d} neurons; {np.mean(changed):5.1%} change their "
                  f"topic on average, {np.min(changed):5.1%} to {np.max(changed):5.1%}")  # fmt: skip


if __name__ == "__main__":
    main()
