"""Time the explanation of one clip: the relevance of all frames and neurons for all words of a caption.

    python -m benchmarks.explanation

Beside it, what the same table of numbers costs without propagation: the caption is scored again without each neuron at
each frame. One such pass is timed, and multiplied by their number. The captioner has the sizes of the presets and
random weights: the arithmetic is that of a trained one. `--words` are those of the caption, its end included.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.common import measure, parse_options
from topiclens.components.relevance.reading import explain
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.relevance import traced_propagation
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.vocabulary import BOS, EOS


def main() -> None:
    options = parse_options(__doc__, words=12, frames=28, rounds=3)
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    captioner = Captioner(CaptionerConfig(vocabulary_size=2541, feature_dim=1024))
    frames = np.maximum(rng.normal(size=(options.frames, 1024)), 0).astype(np.float32)
    words = [*rng.integers(4, 2541, size=options.words - 1), EOS]
    propagate = traced_propagation(captioner)
    caption, video_index = np.array([[BOS, *words]], np.int32), np.zeros(1, np.int32)

    @tf.function(autograph=False)
    def score(clip):
        video = captioner.encode(clip)
        return captioner.decoder(caption, video["memory"], video["mask"], video["memory_mean"], video_index)

    ways = {
        "propagation": lambda: explain(captioner, frames, words, propagate=propagate),
        "one pass": lambda: score(frames[None]).numpy(),
        "not traced": lambda: explain(captioner, frames, words),
    }
    first, _ = measure(ways)  # traces
    seconds, (relevance, *_) = measure(ways, options.rounds)
    needed = options.frames * captioner.encoder.n_neurons
    ours, anew = seconds["propagation"], seconds["one pass"] * needed
    unexplained = np.max(np.abs(relevance.unexplained)) / np.max(np.abs(relevance.scores))
    print(f"{options.words} words, {options.frames} frames, {captioner.encoder.n_neurons} neurons")
    print(f"  propagation   {ours:8.3f} s, after {first['propagation']:.1f} s once; "
          f"{seconds['not traced']:.3f} s without that")  # fmt: skip
    print(f"                {unexplained:.0e} of the largest score is left unexplained")
    print(f"  scored again  {anew:8.1f} s: {needed} passes of {seconds['one pass']:.3f} s, "
          f"{anew / ours:.0f} times as long")  # fmt: skip


if __name__ == "__main__":
    main()
