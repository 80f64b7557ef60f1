"""Trains the captioner for some steps on JAX, checks its gradients there, and writes captions; see test_jax.py."""

import jax
import keras
import numpy as np

from tests.trainer.numpy_captioner import NumpyCaptioner, clip_of, tiny_batch, tiny_captioner
from topiclens.trainer.decoding import beam_search


def main():
    assert keras.backend.backend() == "jax"
    keras.utils.set_random_seed(0)
    model, batch = tiny_captioner(), tiny_batch()
    plain = NumpyCaptioner(model)
    expected = [
        plain.log_prob(clip_of(batch, video), row[row > 0][1:-1])
        for row, video in zip(batch["words"], batch["video_index"])
    ]
    np.testing.assert_allclose(model(batch)["log_prob"], expected, rtol=1e-4)
    check_slope(model, batch)

    model.compile(keras.optimizers.Adam(0.03))
    losses = model.fit(((batch,) for _ in range(60)), steps_per_epoch=20, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[1] < losses[0], losses
    words, log_prob = beam_search(model, batch["frames"], beam=3, max_words=5)
    assert np.isfinite(log_prob).all() and np.array(words).shape == (3, 5)
    print(f"JAX {jax.__version__}, Keras {keras.__version__}: the loss fell from {losses[0]:.2f} to {losses[2]:.2f}")


def check_slope(model, batch):
    """The gradient along a random direction of all weights is the slope of the loss there."""
    start = [variable.value for variable in model.trainable_variables]
    fixed = [variable.value for variable in model.non_trainable_variables]

    def loss(weights):
        return model.compute_loss(x=batch, y_pred=model.stateless_call(weights, fixed, batch)[0])

    rng, step = np.random.default_rng(0), 1e-2
    direction = [rng.normal(size=w.shape).astype("float32") for w in start]
    length = np.sqrt(sum((d**2).sum() for d in direction))
    direction = [d / length for d in direction]
    along = sum((g * d).sum() for g, d in zip(jax.grad(loss)(start), direction))
    ends = [loss([w + sign * step * d for w, d in zip(start, direction)]) for sign in (1, -1)]
    np.testing.assert_allclose(along, (ends[0] - ends[1]) / (2 * step), rtol=2e-2)


if __name__ == "__main__":
    main()
