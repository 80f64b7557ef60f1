"""f fitted afterwards, on a frozen encoder: what makes models comparable, those that never learnt f among them."""

from __future__ import annotations

import numpy as np

from topiclens.components.neurons.perceptron import Perceptron


def fit_perceptron(
    mean: np.ndarray,
    topics: np.ndarray,
    *,
    seed: int,
    units: int = 512,
    dropout: float = 0.5,
    epochs: int = 40,
    batch_size: int = 100,
    learning_rate: float = 1e-3,
) -> Perceptron:
    """Fits f to the interpretive loss of eq. 8, the mean activations held as they are.

    Args:
        mean: (videos, neurons), mean activations of training videos.
        topics: (videos, topics), 1 where a topic occurs, else 0.
        seed: of the initial weights, the dropout and the order of the videos.
        units, dropout: of f, as in `topiclens.trainer.losses.TopicPerceptron`.
        epochs, batch_size, learning_rate: of Adam; the rate falls to 0 along a cosine.
    """
    import keras

    from topiclens.trainer.losses import TopicPerceptron, interpretive_loss

    initial, dropped, order = (int(part) for part in np.random.SeedSequence(seed).generate_state(3))
    f = TopicPerceptron(topics.shape[1], units, dropout)
    f.hidden.kernel_initializer = keras.initializers.GlorotUniform(seed=initial)
    f.score.kernel_initializer = keras.initializers.GlorotUniform(seed=initial + 1)
    f.dropout.seed_generator = keras.random.SeedGenerator(dropped)
    steps = epochs * -(-len(mean) // batch_size)
    model = keras.Sequential([keras.Input(mean.shape[1:]), f])
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)),
        loss=lambda topics, scores: interpretive_loss(scores, topics),
    )
    rng = np.random.default_rng(order)
    mean, topics = np.asarray(mean, np.float32), np.asarray(topics, np.float32)
    for _ in range(epochs):
        shuffled = rng.permutation(len(mean))
        model.fit(mean[shuffled], topics[shuffled], batch_size=batch_size, shuffle=False, epochs=1, verbose=0)
    return Perceptron.of(f)
