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
import tensorflow as tf

from topiclens.components.relevance.reading import explain
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.relevance import traced_propagation
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.vocabulary import BOS, EOS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=12, help="of the caption, its end included (default 12)")
    parser.add_argument("--frames", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    captioner = Captioner(CaptionerConfig(vocabulary_size=2541, feature_dim=1024))
    frames = np.maximum(rng.normal(size=(options.frames, 1024)), 0).astype(np.float32)
    words = [*rng.integers(4, 2541, size=options.words - 1), EOS]

    begin = time.perf_counter()
    propagate = traced_propagation(captioner)
    explain(captioner, frames, words, propagate=propagate)
    trace = time.perf_counter() - begin
    caption = np.array([[BOS, *words]], np.int32), np.zeros(1, np.int32)
    score = tf.function(lambda clip: _log_prob(captioner, clip, *caption), autograph=False)
    score(frames[None])

    ways = {
        "propagation": lambda: explain(captioner, frames, words, propagate=propagate),
        "not traced": lambda: explain(captioner, frames, words),
        "one pass": lambda: score(frames[None]).numpy(),
    }
    seconds = {name: _median_seconds(way, options.rounds) for name, way in ways.items()}
    relevance = explain(captioner, frames, words, propagate=propagate)
    needed = options.frames * captioner.encoder.n_neurons
    ours, anew = seconds["propagation"], seconds["one pass"] * needed
    unexplained = np.max(np.abs(relevance.unexplained)) / np.max(np.abs(relevance.scores))
    print(f"{options.words} words, {options.frames} frames, {captioner.encoder.n_neurons} neurons")
    print(f"  propagation   {ours:8.3f} s, after {trace:.1f} s once; {seconds['not traced']:.3f} s without that")
    print(f"                {unexplained:.0e} of the largest score is left unexplained")
    each = f"{needed} passes of {seconds['one pass']:.3f} s"
    print(f"  scored anew   {anew:8.1f} s: {each}, {anew / ours:.0f} times as long")


def _log_prob(captioner: Captioner, frames, words, video_index):
    video = captioner.encode(frames)
    return captioner.decoder(words, video["memory"], video["mask"], video["memory_mean"], video_index)


def _median_seconds(way, rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


if __name__ == "__main__":
    main()
