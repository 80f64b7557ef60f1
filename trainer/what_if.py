"""What a captioner would say of a video in which it saw a topic more, or less (Dong et al. 2017, section 4)."""

import keras
import numpy as np
from keras import ops

from topiclens.trainer.edits import Edit
from topiclens.trainer.tensor import Tensor


def what_if(
    model: keras.Model,
    frames: Tensor,
    topic_deltas: Tensor,
    enhancement: np.ndarray,
    beam: int = 5,
    max_words: int = 20,
    length_penalty: float = 0.0,
) -> dict[str, Tensor]:
    """Captions of videos whose neurons are enhanced: v* = v + sum_t delta_t e_t at every real frame, e_t a topic's row.

    Args:
        model: a Captioner that learnt topics.
        frames: (videos, time, feature_dim), padded with zero rows.
        topic_deltas: (videos, n_topics) float, how strongly a topic is added; 1 is the paper's strength, 0 leaves the
            topic as it is, a negative one takes it away.
        enhancement: (n_topics, neurons) float, what strength 1 of each topic adds to v: the mean activation of its own
            neurons over the training videos with the topic, 0 at other neurons.
        beam, max_words, length_penalty: see `decoding.beam_search`.
    Returns:
        A dictionary of ``words`` (videos, max_words) int32, PAD after the last one; ``log_prob`` (videos,); and
        ``topic_scores`` (videos, n_topics), f(mean v*).
    """
    enhanced = Edit("encoder.v", add=ops.matmul(topic_deltas, enhancement)[:, None, :])
    decoding = {"beam": beam, "max_words": max_words, "length_penalty": length_penalty}
    found = model.run(frames, edits=[enhanced], record=["topics.scores"], **decoding)
    return {"words": found["words"], "log_prob": found["log_prob"], "topic_scores": found["topics.scores"]}
