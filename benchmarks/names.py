"""How steady the names of a run's neurons are by themselves: how many change where nothing but the videos does.

    python -m benchmarks.names --root runs/msrvtt

The unchanged model's neurons are named again on the training videos, drawn anew with repetition (Efron 1979). What
changes then is chance, and a refinement that changes no more of the names says nothing worse; `refinement.max_renamed`
is to be seen beside these figures.
"""

import argparse
import os

import numpy as np

from topiclens.components.neurons.activations import encoder_of, load, mean_activations
from topiclens.components.neurons.links import link
from topiclens.components.neurons.pdm import tally
from topiclens.components.topics.model import TopicModel
from topiclens.pipeline import run_metadata
from topiclens.schemas import records

VOTES = (1, 2, 3, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default="runs/sample", help="a run (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=20, help="how often the videos are drawn (default: %(default)s)")
    arguments = parser.parse_args()

    outcome = run_metadata.newest(arguments.root)
    model, topics = load(outcome.model), TopicModel.load(outcome.folder("topiclens.TopicModel")).topics
    files = records.files_of(os.path.join(outcome.folder("Examples"), "Split-train"))
    seen = mean_activations(records.read(files), encoder_of(model.captioner))

    def links_on(places: np.ndarray):
        return link(tally(seen.mean[places], seen.topics[places], model.f), topics)

    videos = len(seen.mean)
    named = links_on(np.arange(videos))
    drawn = [
        links_on(np.random.default_rng(seed).integers(0, videos, videos)).topic_of() for seed in range(arguments.draws)
    ]
    print(f"{videos} training videos, drawn anew {arguments.draws} times")
    for fewest in VOTES:
        firm = named.topic_of(fewest)
        if firm:
            changed = [np.mean([new.get(neuron) != topic for neuron, topic in firm.items()]) for new in drawn]
            print(f"named by {fewest} videos or more: {len(firm):4d} neurons, of which {np.mean(changed):5.1%} change "
                  f"their topic on average, {np.min(changed):5.1%} to {np.max(changed):5.1%}")  # fmt: skip


if __name__ == "__main__":
    main()
