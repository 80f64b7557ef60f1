"""What a captioner does as it writes: where each word looks, which topics it sees, what its neurons say."""

import keras
from keras import ops

from topiclens.trainer.encoder import frame_mask
from topiclens.trainer.tensor import Tensor
from topiclens.trainer.vocabulary import PAD


def explained_beam_search(
    model: keras.Model, frames: Tensor, beam: int = 5, max_words: int = 20, length_penalty: float = 0.0
) -> dict[str, Tensor]:
    """Captions of videos, with what the model did to write them.

    Args:
        model: a Captioner.
        frames: (videos, time, feature_dim), padded with zero rows.
        beam, max_words, length_penalty: see `decoding.beam_search`.
    Returns:
        A dictionary of ``words`` (videos, max_words) int32, PAD after the last one; ``log_prob`` (videos,);
        ``attention`` (videos, max_words, time) (eq. 4): a word's row sums to 1 over the real frames, rows of PAD and
        padded frames are 0; ``activations`` (videos, time, neurons), v, zero at padding; and ``topic_scores``
        (videos, n_topics), f(mean v), unless the model never learnt f (LSTM-B).
    """
    scores = ("topics.scores",) if model.config.interpretive_weight else ()
    record = ("decoder.alpha", "encoder.v", *scores)
    found = model.run(frames, record=record, beam=beam, max_words=max_words, length_penalty=length_penalty)
    written = ops.logical_and(ops.not_equal(found["words"], PAD)[:, :, None], frame_mask(frames)[:, None, :])
    attention = ops.where(written, found["decoder.alpha"][:, :max_words], 0.0)
    explained = {"words": found["words"], "log_prob": found["log_prob"], "attention": attention}
    explained["activations"] = found["encoder.v"]
    return explained | ({"topic_scores": found["topics.scores"]} if scores else {})
