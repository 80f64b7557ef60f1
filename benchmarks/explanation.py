"""Time the explanation of one clip: the relevance of all frames and neurons for all words of a caption.

    python -m benchmarks.explanation

Beside it, what the same table of numbers costs without propagation: the caption scored anew without each neuron at each
frame. One such pass is timed, and multiplied by their number. The captioner has the sizes of the presets and random
weights: the arithmetic is that of a trained one.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from topiclens.components.relevance.captioner import explain
from topiclens.components.relevance.plain import PlainCaptioner
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.vocabulary import EOS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=12, help="of the caption, its end included (default 12)")
    parser.add_argument("--frames", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    captioner = PlainCaptioner.of(Captioner(CaptionerConfig(vocabulary_size=2541, feature_dim=1024)))
    frames = np.maximum(rng.normal(size=(options.frames, 1024)), 0)
    words = [*rng.integers(4, 2541, size=options.words - 1), EOS]

    propagation, passes = [], []
    for _ in range(options.rounds):
        begin = time.perf_counter()
        relevance = explain(captioner, frames, words)
        propagation.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        captioner.run(frames, words)
        passes.append(time.perf_counter() - begin)
    needed = options.frames * captioner.n_neurons
    ours, anew = np.median(propagation), np.median(passes) * needed
    unexplained = np.max(np.abs(relevance.unexplained)) / np.max(np.abs(relevance.scores))
    print(f"{options.words} words, {options.frames} frames, {captioner.n_neurons} neurons")
    print(f"  propagation   {ours:8.3f} s; {unexplained:.0e} of the largest score is left unexplained")
    print(
        f"  scored anew   {anew:8.1f} s: {needed} passes of {np.median(passes):.3f} s, {anew / ours:.0f} times as long"
    )


if __name__ == "__main__":
    main()
