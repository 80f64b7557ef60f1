"""Relevance derived a second time: with gates, attention and the slopes of tanh held fast, the captioner is linear in
every signal, so the epsilon rule must give, for epsilon -> 0, an activation times the gradient of the score by it.

Nothing is shared with the code under test but the captioner's weights.
"""

import numpy as np
import tensorflow as tf

from topiclens.trainer.vocabulary import BOS

hold = tf.stop_gradient


def tanh(z):
    """tanh with its slope from the origin, tanh(z) / z, held fast."""
    return z * hold(tf.math.divide_no_nan(tf.tanh(z), z))


def linearised_relevance(model, clip, words):
    """Activation times gradient of each word's logit: a dictionary of `scores`, `features`, `neurons`, `previous`,
    `initial`, `decoder_bias`, `encoder_bias` and `alpha`, as in WordRelevance, for a clip without padding."""
    weights = {
        v.path.split("/", 1)[1]: tf.constant(np.array(v, np.float64)) for v in model.weights if "seed" not in v.path
    }
    biases = {path: value for path, value in weights.items() if path.endswith("bias")}
    frames = tf.constant(clip, tf.float64)
    table = weights["decoder/embedding/embeddings"]
    previous = [tf.constant(table.numpy()[word]) for word in [BOS, *words[:-1]]]

    def lstm(path, x, h, c):
        z = tf.linalg.matvec(weights[f"{path}/kernel"], x, True) + tf.linalg.matvec(
            weights[f"{path}/recurrent_kernel"], h, True
        )
        i, f, g, o = tf.split(z + biases[f"{path}/bias"], 4)
        c = hold(tf.sigmoid(f)) * c + hold(tf.sigmoid(i)) * tanh(g)
        return hold(tf.sigmoid(o)) * tanh(c), c

    def dense(path, x):
        return tf.linalg.matvec(weights[f"{path}/kernel"], x, True) + biases[f"{path}/bias"]

    def direction(path, order):
        h = c = tf.zeros(weights[f"{path}/recurrent_kernel"].shape[0], tf.float64)
        states = []
        for t in range(len(clip))[::order]:
            h, c = lstm(path, frames[t], h, c)
            states.append(h)
        return tf.stack(states[::order])

    with tf.GradientTape(persistent=True) as tape:
        tape.watch([frames, previous, biases])
        v = tf.concat([direction("encoder/forward", 1), direction("encoder/backward", -1)], axis=1)
        if own := model.config.topic_neurons:
            rise = v @ weights["encoder/topics/kernel"] + biases["encoder/topics/bias"]
            slope = hold(tf.sigmoid(rise))
            biases["encoder/bend"] = hold(tf.nn.softplus(rise) - slope * rise)
            tape.watch(biases["encoder/bend"])
            v = tf.concat([slope * rise + biases["encoder/bend"], v], axis=1)
        memory = tf.concat([v, frames], axis=1) if model.config.skip else v
        mean = tf.reduce_mean(memory, axis=0)
        first = h, c = [tanh(dense(f"decoder/initial_{s}", mean)) for s in "hc"]
        scores, attention, due = [], [], tf.ones(memory.shape[1], tf.float64)
        for y, word, read in zip(previous, words, [BOS, *words[:-1]]):
            if own:
                due -= tf.pad(weights["decoder/naming"][read], [[0, memory.shape[1] - own]])
            compared = tf.linalg.matvec(weights["decoder/attention/state_projection/kernel"], h, True) + (
                memory @ weights["decoder/attention/frame_projection/kernel"]
                + weights["decoder/attention/frame_projection/bias"]
            )
            alpha = hold(tf.nn.softmax((tf.tanh(compared) @ weights["decoder/attention/score/kernel"])[:, 0]))
            attention.append(alpha.numpy())
            context = tf.nn.relu(due) * tf.linalg.matvec(memory, alpha, True)
            h, c = lstm("decoder/cell", tf.concat([y, context], 0), h, c)
            scores.append(dense("decoder/readout", tf.concat([h, context, y], 0))[word])

    values = {"frames": frames, "v": v, "previous": previous, "first": list(first), "biases": biases}
    gradients = [tape.gradient(score, values, unconnected_gradients="zero") for score in scores]
    spoken = [tf.nest.map_structure(lambda value, slope: (value * slope).numpy(), values, found) for found in gradients]

    def of_biases(part):
        return np.array([sum(b.sum() for path, b in of["biases"].items() if path.startswith(part)) for of in spoken])

    # What came by the first state has to be told from what the biases of its two layers took.
    initial = np.array([sum(part.sum() for part in of["first"]) for of in spoken]) - of_biases("decoder/initial")
    return {
        "scores": np.array([score.numpy() for score in scores]),
        "features": np.array([of["frames"] for of in spoken]),
        "neurons": np.array([of["v"] for of in spoken]),
        "previous": np.array([[y.sum() for y in of["previous"]] for of in spoken]),
        "initial": initial,
        "decoder_bias": of_biases("decoder"),
        "encoder_bias": of_biases("encoder"),
        "alpha": np.array(attention),
    }
