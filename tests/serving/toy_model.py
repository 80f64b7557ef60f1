"""A SavedModel with a captioner's two signatures and none of its mathematics: its answers can be worked out by hand.

Version v answers, for a clip whose frames sum to s, n of them not all zero: caption
"v<v>: <n> frames" and log-probability −s·v. For JPEG frames, s sums their mean brightness (0 to 1).

    python -m tests.serving.toy_model BASE/1 1     # to put before a real server, see test_client.py
"""

import sys

import tensorflow as tf

DIM = 4


class _Toy(tf.Module):
    def __init__(self, version: int):
        super().__init__()
        self.scale = tf.Variable(float(version))
        # What makes the graph itself refuse another width, as a captioner's first matrix product does.
        self.weights = tf.Variable(tf.ones(DIM))
        # A table is filled by the model's initialiser, as the vocabulary of a captioner is.
        counts = tf.range(64, dtype=tf.int64)
        sentences = tf.strings.join([f"v{version}: ", tf.strings.as_string(counts), " frames"])
        table = tf.lookup.KeyValueTensorInitializer(counts, sentences)
        self.sentences = tf.lookup.StaticHashTable(table, "many frames")

    @tf.function(input_signature=[tf.TensorSpec((None, None, DIM), tf.float32, name="frames")])
    def features(self, frames):
        return self._answer(tf.reduce_any(frames != 0, axis=-1), tf.reduce_sum(frames * self.weights, axis=[1, 2]))

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.string, name="frames_jpeg")])
    def jpegs(self, frames_jpeg):
        brightness = tf.map_fn(_brightness, tf.reshape(frames_jpeg, [-1]), fn_output_signature=tf.float32)
        total = tf.reduce_sum(tf.reshape(brightness, tf.shape(frames_jpeg)), axis=1)
        return self._answer(frames_jpeg != "", total)

    @tf.function(input_signature=[tf.TensorSpec((None, None, DIM), tf.float32, name="frames")])
    def total(self, frames):
        return {"total": tf.reduce_sum(frames, axis=[1, 2])}

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.string, name="text"),
            tf.TensorSpec((None, 2), tf.int32, name="pair"),
        ]
    )
    def echo(self, text, pair):
        third = tf.ones_like(pair[:, 0], tf.float32) / 3
        return {"text": text, "text_bytes": text, "sum": tf.reduce_sum(pair, axis=1), "third": third}

    def _answer(self, real, total):
        count = tf.reduce_sum(tf.cast(real, tf.int64), axis=1)
        return {"caption": self.sentences.lookup(count), "log_prob": -total * self.scale}


def _brightness(jpeg):
    def of_pixels():
        return tf.reduce_mean(tf.cast(tf.io.decode_jpeg(jpeg, channels=3), tf.float32)) / 255.0

    return tf.cond(tf.equal(jpeg, ""), lambda: 0.0, of_pixels)


def save(directory, version: int = 1) -> None:
    """Writes the model's version to a folder."""
    toy = _Toy(version)
    signatures = {"serving_default": toy.features, "caption_frames": toy.jpegs, "total": toy.total, "echo": toy.echo}
    tf.saved_model.save(toy, str(directory), signatures=signatures)


if __name__ == "__main__":
    save(sys.argv[1], int(sys.argv[2]))
