"""Time prediction differences by the rank-one update beside the definition: f run again without each neuron.

    python -m benchmarks.pdm --videos 6000

Both give the neuron that each topic of each video hangs on most; the definition is given its best chance, one batch of
all videos a neuron. The model has the presets' sizes: 512 neurons, 512 hidden units, 100 topics, 3 of them a video.
"""

import argparse
import time

import numpy as np

from topiclens.components.neurons.pdm import Perceptron, prediction_differences


def by_definition(mean: np.ndarray, occurrences: np.ndarray, f: Perceptron) -> np.ndarray:
    """(pairs, neurons): f(v) less f(v without j), a forward pass of all videos for every neuron j."""
    videos, topics = occurrences.T
    whole = f(mean)[videos, topics]
    result = np.empty((len(occurrences), f.n_neurons), np.float32)
    for neuron in range(f.n_neurons):
        without = mean.copy()
        without[:, neuron] = 0
        result[:, neuron] = whole - f(without)[videos, topics]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=6000)
    parser.add_argument("--neurons", type=int, default=512)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--topics", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    shapes = (options.neurons, options.units), (options.units,), (options.units, options.topics), (options.topics,)
    f = Perceptron(*(rng.normal(scale=0.1, size=shape).astype(np.float32) for shape in shapes))
    mean = rng.uniform(-1, 1, (options.videos, options.neurons)).astype(np.float32)
    topics = [np.sort(rng.choice(options.topics, 3, replace=False)) for _ in range(options.videos)]
    occurrences = np.array([(video, topic) for video, chosen in enumerate(topics) for topic in chosen])

    prediction_differences(mean[:1], occurrences[:3], f)  # compiles
    seconds = {"rank-one update": [], "definition": []}
    for _ in range(options.rounds):
        begin = time.perf_counter()
        ours = prediction_differences(mean, occurrences, f)
        seconds["rank-one update"].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        theirs = by_definition(mean, occurrences, f)
        seconds["definition"].append(time.perf_counter() - begin)
    print(f"{len(occurrences)} pairs of a video and a topic, {options.neurons} neurons, {options.units} hidden units")
    for name, times in seconds.items():
        print(f"  {name:16} {np.median(times):8.2f} s")
    ratio = np.median(seconds["definition"]) / np.median(seconds["rank-one update"])
    print(f"  ratio {ratio:.0f}; largest disagreement {np.max(np.abs(ours - theirs)):.1e}, "
          f"same neuron chosen {np.mean(ours.argmax(axis=1) == theirs.argmax(axis=1)):.4%}")  # fmt: skip


if __name__ == "__main__":
    main()
