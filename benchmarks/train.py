"""Time the training of a captioner, beside a plain PyTorch loop of the same sizes and what the processor can do.

    python -m benchmarks.train                                         ours alone, on made-up data of Flickr8k's shape
    python -m benchmarks.train --torch-python VENV/bin/python          beside PyTorch (2.13.0, in a venv of its own)
    python -m benchmarks.train --data flickr8k --torch-python ...      on the real captions and features

`--data` is a folder with Flickr8k.token.txt and features_train.npz, of which `--videos` are used. Ours is ``model.fit``
on the trainer's own batches: BiLSTM encoder, attention, readout of [h, context, y], topics, dropout, gradient clipping
and AMSGrad. PyTorch's is ``torch_loop.py``: it has no encoder and reads words off h alone, so it computes less for each
caption. The two take turns in short rounds of `--batches`, and a large matrix product is timed in between: on a machine
that does other things too, only their ratios count.

The floor is the time that the model's matrix products, forward and backward over real words and frames, would take at
the rate of that large product. Nothing that is not a matrix product counts for it.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import ops

from benchmarks.common import measure, parse_options
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.data import TrainingBatches
from topiclens.trainer.optimizers import build_optimizer
from topiclens.trainer.settings import CaptionerConfig, TrainingConfig
from topiclens.trainer.videos import Videos
from topiclens.trainer.vocabulary import BOS, EOS, Vocabulary, tokenize

N_FRAMES, FEATURE_DIM, BATCH_CAPTIONS = 28, 1024, 200
MADE_UP_WORDS = 2539
# Words of the 30,000 training captions of Flickr8k: how many captions have 2, 3, 4, ... words.
CAPTIONS_BY_LENGTH = [15, 126, 346, 862, 1958, 2537, 2927, 3318, 3320, 3132, 2778, 2320, 1848, 1329, 977, 662, 513, 365,
                      204, 136, 110, 74, 52, 32, 21, 11, 7, 9, 4]  # fmt: skip


def main() -> None:
    arguments = parse_options(__doc__, data=None, torch_python=None, rounds=4, batches=8, videos=1280)
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    if arguments.data:
        videos, vocabulary_size = flickr8k(arguments.data, arguments.videos)
    else:
        videos, vocabulary_size = made_up(arguments.videos, rng), MADE_UP_WORDS
    config = CaptionerConfig(vocabulary_size=vocabulary_size, feature_dim=FEATURE_DIM)
    batches = TrainingBatches(videos, n_frames=N_FRAMES, batch_captions=BATCH_CAPTIONS)
    with tempfile.TemporaryDirectory() as folder:
        other = start_torch(arguments.torch_python, folder, videos, config) if arguments.torch_python else None
        rounds = Rounds(arguments.rounds, arguments.batches, batches, other)
        model = Captioner(config)
        model.compile(build_optimizer(TrainingConfig(), len(batches)))
        epochs = -(-(arguments.rounds + 1) * arguments.batches // len(batches))
        model.fit(batches.dataset(), epochs=epochs, verbose=0, callbacks=[rounds])
        if other:
            other.stdin.close()
            other.wait()
    report(rounds, config, batches, videos)


class Rounds(keras.callbacks.Callback):
    """Lets the sides take turns while ``fit`` runs; the first round warms up and is not counted."""

    def __init__(self, rounds, batches_a_round, batches, other):
        super().__init__()
        self.rounds, self.size, self.batches, self.other = rounds, batches_a_round, batches, other
        self.ours, self.waiting, self.theirs, self.rates = [], [], [], []
        self.seen = 0

    def on_train_begin(self, logs=None):
        self._resume()

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen % self.size:
            return
        seconds, waited = time.perf_counter() - self.began, self.batches.wait_seconds
        rate = product_rate()  # right after ours, which is compared with it, on a machine whose speed changes
        theirs = self._others_turn() if self.other else None
        if self.seen > self.size:
            self.ours.append(self.size * BATCH_CAPTIONS / seconds)
            self.waiting.append(waited / seconds)
            self.rates.append(rate)
            self.theirs += [theirs] if theirs else []
            beside = f"  PyTorch {theirs:5.0f} captions/s" if theirs else ""
            print(f"ours {self.ours[-1]:5.0f} captions/s{beside}  product {rate / 1e9:4.0f} GFLOP/s", flush=True)
        self.model.stop_training = len(self.ours) == self.rounds
        self._resume()

    def _others_turn(self):
        """Captions a second."""
        self.other.stdin.write(f"{self.size}\n")
        self.other.stdin.flush()
        if answer := self.other.stdout.readline():
            done = json.loads(answer)
            return done["captions"] / done["seconds"]
        raise RuntimeError("The PyTorch loop has ended; its own message stands above.")

    def _resume(self):
        self.batches.wait_seconds = 0.0
        self.began = time.perf_counter()


def report(rounds, config, batches, videos):
    captions = [len(words) for own in videos.captions for words in own]
    words = statistics.mean(captions) - 1
    flops = flops_of_a_caption(config, len(captions) / len(videos), words)
    ours, rate = statistics.median(rounds.ours), statistics.median(rounds.rates)
    reached = statistics.median(one * flops / at for one, at in zip(rounds.ours, rounds.rates))
    print(f"ours            {ours:6.0f} captions/s, the median of {len(rounds.ours)} rounds")
    if rounds.theirs:
        theirs = statistics.median(rounds.theirs)
        ratio = statistics.median(a / b for a, b in zip(rounds.ours, rounds.theirs))
        print(f"PyTorch         {theirs:6.0f} captions/s, ours is {ratio:.2f} times as fast")
    print(f"waiting         {statistics.median(rounds.waiting):6.1%} of the time for input")
    print(f"matrix product  {rate / 1e9:6.0f} GFLOP/s, 2048 x 2048 x 2048")
    beside = f"; PyTorch's {flops_of_torch(config, words) / 1e6:.0f}" if rounds.theirs else ""
    print(f"the model       {flops / 1e6:6.0f} MFLOP a caption, forward and backward{beside}")
    print(f"floor           {rate / flops:6.0f} captions/s; ours reaches {reached:.0%} of it")


def flops_of_a_caption(config, captions_a_video, words):
    """Floating-point operations of the matrix products that a caption needs, its share of the encoder included.

    A product is done once forward and twice backward; but frames need no gradient. ``words`` is the mean number that
    is predicted a caption, EOS included.
    """
    v, h, y = 2 * config.encoder_units, config.decoder_units, config.embedding_units
    encoder = N_FRAMES * 2 * (2 * FEATURE_DIM * 4 * v + 3 * config.encoder_units * 4 * v)
    keys = N_FRAMES * 3 * 2 * v * config.attention_units
    once = 3 * 2 * (2 * v * h + v * config.topic_units + config.topic_units * config.n_topics)
    attention = h * config.attention_units + N_FRAMES * (config.attention_units + v)
    word = 3 * 2 * (attention + (y + v + h) * 4 * h + (h + v + y) * config.vocabulary_size)
    return (encoder + keys + once) / captions_a_video + words * word


def flops_of_torch(config, words):
    """The same of ``torch_loop.py``: frames are projected once a caption, and no frame needs a gradient."""
    h, y, a = config.decoder_units, config.embedding_units, config.attention_units
    keys = 2 * 2 * N_FRAMES * FEATURE_DIM * a
    attention = 3 * (h * a + N_FRAMES * a) + 2 * N_FRAMES * FEATURE_DIM
    word = 2 * (attention + 3 * ((y + FEATURE_DIM + h) * 4 * h + h * config.vocabulary_size))
    return keys + words * word


def product_rate(size=2048, times=3):
    """Floating-point operations a second of a large matrix product, by the library that trains."""
    a = ops.convert_to_tensor(np.random.default_rng(0).random((size, size), np.float32))
    ops.convert_to_numpy(ops.matmul(a, a))
    seconds, _ = measure({"products": lambda: ops.convert_to_numpy([ops.matmul(a, a) for _ in range(times)][-1])})
    return times * 2 * size**3 / seconds["products"]


def made_up(n_videos, rng):
    """Videos of random features whose captions are as long as Flickr8k's."""
    chances = np.array(CAPTIONS_BY_LENGTH) / sum(CAPTIONS_BY_LENGTH)
    lengths = 2 + rng.choice(len(chances), size=(n_videos, 5), p=chances)
    captions = [[framed(4 + rng.integers(MADE_UP_WORDS - 4, size=n)) for n in own] for own in lengths]
    return videos_of(np.maximum(rng.normal(size=(n_videos, N_FRAMES, FEATURE_DIM)), 0).astype("float32"), captions, rng)


def flickr8k(folder, n_videos):
    """The first training images of Flickr8k and the size of the whole training vocabulary."""
    with np.load(os.path.join(folder, "features_train.npz")) as bundle:
        ids, features = bundle["ids"], bundle["scale"] * np.square(bundle["q"][:n_videos] / np.float32(255))
    written = {str(i): [] for i in ids}
    with open(os.path.join(folder, "Flickr8k.token.txt"), encoding="utf-8") as lines:
        for line in lines:
            name, caption = line.rstrip("\n").split("\t")
            if (video := name.split("#")[0]) in written:
                written[video].append(caption)
    vocabulary = Vocabulary.from_captions((c for own in written.values() for c in own), min_count=5)
    captions = [[framed(vocabulary.encode(c)[:30]) for c in written[str(i)] if tokenize(c)] for i in ids[:n_videos]]
    return videos_of(features.astype("float32"), captions, np.random.default_rng(0)), len(vocabulary)


def framed(words):
    return np.array([BOS, *words, EOS], np.int32)


def videos_of(frames, captions, rng):
    n = len(captions)
    return Videos(
        ids=[str(i) for i in range(n)],
        frames=frames,
        store_index=np.arange(n),
        captions=captions,
        references=[()] * n,
        topics=(rng.random((n, CaptionerConfig.n_topics)) < 0.03).astype("float32"),
        left_out=[],
        largest_feature=float(frames.max()),
        digest="benchmark",
    )


def start_torch(python, folder, videos, config):
    """The PyTorch loop as a process that trains a round for each line it is sent."""
    captions = [(i, words) for i, own in enumerate(videos.captions) for words in own]
    words = np.zeros((len(captions), max(len(words) for _, words in captions)), np.int32)
    for row, (_, caption) in zip(words, captions):
        row[: len(caption)] = caption
    np.save(os.path.join(folder, "frames.npy"), videos.frames)
    np.save(os.path.join(folder, "words.npy"), words)
    np.save(os.path.join(folder, "video_index.npy"), np.array([i for i, _ in captions]))
    shared = ("vocabulary_size", "feature_dim", "embedding_units", "attention_units")
    model = {"units": config.decoder_units, **{name: getattr(config, name) for name in shared}}
    sizes = json.dumps({"batch_captions": BATCH_CAPTIONS, "model": model})
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_loop.py")
    pipe = subprocess.PIPE
    return subprocess.Popen([python, script, folder, sizes], stdin=pipe, stdout=pipe, text=True)


if __name__ == "__main__":
    main()
