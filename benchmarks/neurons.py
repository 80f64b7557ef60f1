"""Time the naming of neurons and their figures, each beside its definition.

    python -m benchmarks.neurons

- Prediction differences by the rank-one update, beside f run again without each neuron, for which all videos are one
  batch. Both give the neuron that each topic of each video depends on most.
- Areas under the ROC curves by ranks, beside every video with a topic compared to every one without, for each neuron
  and topic; and all the figures of all neurons. They are made on the first 1000 videos, all the figures on as many
  others.

The sizes are those of the presets: 512 neurons, 512 hidden units, 100 topics, 3 of them a video. The data are made up:
neurons follow their topics, with noise.
"""

import numpy as np

from benchmarks.common import measure, parse_options
from topiclens.components.neurons.activations import MeanActivations
from topiclens.components.neurons.detection import roc_auc
from topiclens.components.neurons.figures import measure_neurons
from topiclens.components.neurons.links import link
from topiclens.components.neurons.pdm import Perceptron, prediction_differences, tally
from topiclens.components.topics.table import Topic


def differences_by_definition(mean: np.ndarray, occurrences: np.ndarray, f: Perceptron) -> np.ndarray:
    """(pairs, neurons): f(v) less f(v without j), a forward pass of all videos for every neuron j."""
    videos, topics = occurrences.T
    whole = f(mean)[videos, topics]
    result = np.empty((len(occurrences), f.n_neurons), np.float32)
    for neuron in range(f.n_neurons):
        without = mean.copy()
        without[:, neuron] = 0
        result[:, neuron] = whole - f(without)[videos, topics]
    return result


def auc_by_definition(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(neurons, topics): the share of pairs of a video with the topic and one without that are in the right order."""
    result = np.empty((scores.shape[1], present.shape[1]))
    for topic, with_topic in enumerate(present.T):
        for neuron, activation in enumerate(scores.T):
            difference = activation[with_topic][:, None] - activation[~with_topic]
            result[neuron, topic] = np.mean(difference > 0) + np.mean(difference == 0) / 2
    return result


def main() -> None:
    options = parse_options(__doc__, videos=6000, figure_videos=1000, neurons=512, units=512, topics=100, rounds=3)
    rng = np.random.default_rng(0)
    shapes = (options.neurons, options.units), (options.units,), (options.units, options.topics), (options.topics,)
    f = Perceptron(*(rng.normal(scale=0.1, size=shape).astype(np.float32) for shape in shapes))
    chosen = rng.permuted(np.tile(np.arange(options.topics), (options.videos, 1)), axis=1)[:, :3]
    present = np.zeros((options.videos, options.topics), bool)
    np.put_along_axis(present, chosen, True, axis=1)
    carried = rng.integers(options.topics, size=options.neurons)
    mean = np.tanh(present[:, carried] + rng.normal(size=(options.videos, options.neurons))).astype(np.float32)
    occurrences = np.argwhere(present)
    halves = slice(options.figure_videos), slice(options.figure_videos, 2 * options.figure_videos)
    few, few_present = mean[: options.figure_videos], present[: options.figure_videos]
    seen, held_out = (MeanActivations((), mean[part], mean[part], present[part].astype(int)) for part in halves)
    links = link(tally(few, few_present, f), [Topic(i, f"topic {i}", (), None, 0.0) for i in range(options.topics)])

    prediction_differences(mean[:1], occurrences[:3], f)  # compiles
    ways = {
        "rank-one update": lambda: prediction_differences(mean, occurrences, f),
        "its definition": lambda: differences_by_definition(mean, occurrences, f),
    }
    seconds, (ours, theirs) = measure(ways, options.rounds)
    ways = {
        "areas by ranks": lambda: roc_auc(few, few_present),
        "areas by pairs": lambda: auc_by_definition(few, few_present),
        "all the figures": lambda: measure_neurons(seen, held_out, links, f, rng=rng),
    }
    further, (by_ranks, by_pairs, _) = measure(ways)
    seconds |= further
    print(f"{options.videos} videos, {len(few)} for the figures, {options.neurons} neurons, {options.topics} topics")
    for name, time in seconds.items():
        print(f"  {name:16} {time:8.2f} s")
    print(f"update: {seconds['its definition'] / seconds['rank-one update']:.0f} times as fast as its definition; "
          f"largest disagreement {np.max(np.abs(ours - theirs)):.1e}, "
          f"same neuron chosen {np.mean(ours.argmax(axis=1) == theirs.argmax(axis=1)):.4%}")  # fmt: skip
    print(f"ranks: {seconds['areas by pairs'] / seconds['areas by ranks']:.0f} times as fast as pairs; "
          f"largest disagreement {np.nanmax(np.abs(by_ranks - by_pairs)):.1e}")  # fmt: skip


if __name__ == "__main__":
    main()
