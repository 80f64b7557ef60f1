"""Time the figures of all neurons, and the areas under the ROC curves among them beside their definition.

    python -m benchmarks.figures --videos 1000

The definition compares every video with a topic to every one without, for each neuron and topic. The sizes are those of
the presets: 512 neurons, 100 topics, 3 of them a video. The data are made up: neurons follow their topics, with noise.
"""

import argparse
import time

import numpy as np

from topiclens.components.neurons.figures import measure_neurons, roc_auc
from topiclens.components.neurons.links import link
from topiclens.components.neurons.pdm import Perceptron, tally
from topiclens.components.topics.table import Topic


def auc_by_definition(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(neurons, topics): the share of pairs of a video with the topic and one without that are in the right order."""
    result = np.empty((scores.shape[1], present.shape[1]))
    for topic, with_topic in enumerate(present.T):
        for neuron, activation in enumerate(scores.T):
            difference = activation[with_topic][:, None] - activation[~with_topic]
            result[neuron, topic] = np.mean(difference > 0) + np.mean(difference == 0) / 2
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--neurons", type=int, default=512)
    parser.add_argument("--topics", type=int, default=100)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    chosen = rng.permuted(np.tile(np.arange(options.topics), (options.videos, 1)), axis=1)[:, :3]
    present = np.zeros((options.videos, options.topics), bool)
    np.put_along_axis(present, chosen, True, axis=1)
    carried = rng.integers(options.topics, size=options.neurons)
    mean = np.tanh(present[:, carried] + rng.normal(size=(options.videos, options.neurons))).astype(np.float32)
    weights = rng.normal(scale=0.1, size=(options.neurons, 512)), rng.normal(scale=0.1, size=(512, options.topics))
    f = Perceptron(weights[0].astype(np.float32), np.zeros(512, np.float32), weights[1].astype(np.float32),
                   np.zeros(options.topics, np.float32))  # fmt: skip
    topics = [Topic(number, f"topic {number}", (), None, 0.0) for number in range(options.topics)]
    links = link(tally(mean, present, f), topics)  # compiles

    begin = time.perf_counter()
    ours = roc_auc(mean, present)
    ranks = time.perf_counter() - begin
    begin = time.perf_counter()
    theirs = auc_by_definition(mean, present)
    definition = time.perf_counter() - begin
    begin = time.perf_counter()
    measure_neurons(mean, present, links, f, rng=rng)
    everything = time.perf_counter() - begin
    print(f"{options.videos} videos, {options.neurons} neurons, {options.topics} topics")
    print(f"  areas by ranks    {ranks:8.2f} s")
    print(f"  by definition     {definition:8.2f} s, {definition / ranks:.0f} times as long; "
          f"largest disagreement {np.nanmax(np.abs(ours - theirs)):.1e}")  # fmt: skip
    print(f"  all the figures   {everything:8.2f} s")


if __name__ == "__main__":
    main()
