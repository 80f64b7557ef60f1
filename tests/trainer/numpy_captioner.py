"""The captioner once more, in plain NumPy: one clip, one caption, one word at a time, as the paper's equations read.

It shares nothing with the code under test but the weights, and it never sees padding.
"""

import itertools

import numpy as np

from topiclens.trainer.captioner import Captioner
from topiclens.trainer.settings import CaptionerConfig
from topiclens.trainer.vocabulary import BOS, EOS

TINY = dict(
    vocabulary_size=9, feature_dim=5, n_topics=4, encoder_units=3, attention_units=4, decoder_units=6,
    embedding_units=5, topic_units=7, topics="mlp", interpretive_weight=0.1,
)  # fmt: skip


def tiny_captioner(seed=0, scale=2.0, **changes):
    """A small captioner with random weights, biases too, large enough that its words differ in likelihood."""
    model = Captioner(CaptionerConfig(**(TINY | changes)))
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if str(variable.dtype) == "float32":
            variable.assign(rng.normal(scale=scale / np.sqrt(variable.shape[0]), size=variable.shape).astype("float32"))
    if model.decoder.topic_neurons:
        model.decoder.naming.assign(rng.random(model.decoder.naming.shape) * 0.3)
    return model


def tiny_batch(seed=0, lengths=(4, 4, 2, 1, 0), clips=(4, 2, 1), config=TINY):
    """Clips of several lengths, padded, and captions of several lengths, the longest first."""
    rng = np.random.default_rng(seed)
    frames = np.zeros((len(clips), max(clips), config["feature_dim"]), np.float32)
    for row, n in zip(frames, clips):
        row[:n] = rng.normal(size=(n, config["feature_dim"]))
    words = np.zeros((len(lengths), max(lengths) + 3), np.int32)
    for row, n in zip(words, lengths):
        row[: n + 2] = [BOS, *rng.integers(3, config["vocabulary_size"], n), EOS]
    return {
        "frames": frames,
        "words": words,
        "video_index": rng.integers(len(clips), size=len(lengths)).astype(np.int32),
        "topics": rng.integers(2, size=(len(clips), config["n_topics"])).astype(np.float32),
    }


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


class NumpyCaptioner:
    """The equations of Dong et al. 2017 on the weights of a Captioner."""

    def __init__(self, model):
        weights = {v.path.split("/", 1)[1]: np.array(v, np.float64) for v in model.weights if "seed" not in v.path}
        self.weights = weights
        self.own = len(self.weights.get("topics/gain", ()))  # topic neurons

    def __getitem__(self, path):
        return self.weights[path]

    def lstm(self, path, x, h, c):
        z = x @ self[f"{path}/kernel"] + h @ self[f"{path}/recurrent_kernel"] + self[f"{path}/bias"]
        i, f, g, o = np.split(z, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def dense(self, path, x):
        return x @ self[f"{path}/kernel"] + self[f"{path}/bias"]

    def encode(self, clip):
        """v (time, topic neurons and 2 * units) of a clip without padding."""
        directions = []
        for name, order in (("forward", 1), ("backward", -1)):
            h = c = np.zeros(self[f"encoder/{name}/recurrent_kernel"].shape[0])
            states = []
            for x in clip[::order]:
                h, c = self.lstm(f"encoder/{name}", x, h, c)
                states.append(h)
            directions.append(np.array(states[::order]))
        states = np.concatenate(directions, axis=1)
        if not self.own:
            return states
        return np.concatenate([np.log1p(np.exp(self.dense("encoder/topics", states))), states], axis=1)

    def topic_loss(self, clip, topics):
        scores = self.topic_scores(clip)
        if not self.own:
            return ((scores - topics) ** 2).sum()
        return -(topics * np.log(sigmoid(scores)) + (1 - topics) * np.log(sigmoid(-scores))).sum()

    def topic_scores(self, clip):
        if self.own:
            gain = np.log1p(np.exp(self["topics/gain"]))
            return gain * self.encode(clip).mean(axis=0)[: self.own] + self["topics/offset"]
        hidden = np.maximum(self.dense("topics/hidden", self.encode(clip).mean(axis=0)), 0)
        return self.dense("topics/score", hidden)

    def read(self, v, words):
        """h, context and y after the words so far, beginning with BOS: what eq. 6 reads."""
        h, c = (np.tanh(self.dense(f"decoder/initial_{s}", v.mean(axis=0))) for s in "hc")  # eq. 5
        due = np.ones(v.shape[1])
        for word in words:
            if self.own:
                due[: self.own] -= self["decoder/naming"][word]
            y = self["decoder/embedding/embeddings"][word]
            compared = np.tanh(
                h @ self["decoder/attention/state_projection/kernel"]
                + self.dense("decoder/attention/frame_projection", v)
            )
            alpha = softmax((compared @ self["decoder/attention/score/kernel"])[:, 0])  # eq. 4
            context = np.maximum(due, 0) * (alpha @ v)  # eq. 3; a topic counts until it is said
            h, c = self.lstm("decoder/cell", np.concatenate([y, context]), h, c)
        return h, context, y

    def next_words(self, v, words):
        """p(word | words so far), the words beginning with BOS."""
        return softmax(self.dense("decoder/readout", np.concatenate(self.read(v, words))))  # eq. 6

    def log_prob(self, clip, caption):
        """log p(caption | clip) of words without BOS and EOS; EOS is scored."""
        v, words = self.encode(clip), [BOS]
        total = 0.0
        for word in [*caption, EOS]:
            total += np.log(self.next_words(v, words)[word])
            words.append(word)
        return total

    def greedy(self, clip, max_words, writable):
        v, caption = self.encode(clip), []
        while len(caption) < max_words:
            chances = self.next_words(v, [BOS, *caption])
            word = max([*writable, EOS], key=lambda w: chances[w])
            if word == EOS:
                break
            caption.append(word)
        return caption

    def best(self, clip, max_words, writable, length_penalty=0.0):
        """The best of all captions that there are, and its log-probability."""
        captions = (c for n in range(max_words + 1) for c in itertools.product(writable, repeat=n))
        scored = [(list(caption), self.log_prob(clip, caption)) for caption in captions]
        return max(scored, key=lambda pair: pair[1] / (len(pair[0]) + 1) ** length_penalty)


def clip_of(batch, row):
    """A clip without its padding."""
    frames = batch["frames"][row]
    return frames[(frames != 0).any(axis=1)]
