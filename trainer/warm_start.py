"""Beginning a training from an exported model, as when a few clips fine-tune what many photographs taught."""

from typing import Any

import keras
import numpy as np
from keras import ops

from topiclens.trainer.vocabulary import Vocabulary


def warm_start(
    model: keras.Model,
    vocabulary: Vocabulary,
    source: keras.Model,
    source_vocabulary: Vocabulary,
    *,
    same_topics: bool = False,
) -> dict[str, str]:
    """Copies what fits from one captioner, `source`, into another, `model`.

    Weights of equal name and shape are copied. The rows of the word vectors and of the readout are matched by the word
    itself; words that only the new vocabulary has keep their initial weights. The topic perceptron f is copied only
    when both models name the same topics: topic 3 of one corpus is not topic 3 of another, even where shapes agree.

    Returns:
        For each variable of `model`, by its name, what was done: "copied", "k of n words" or "new".
    """
    known = {_name(variable): ops.convert_to_numpy(variable) for variable in source.trainable_variables}
    topics = {id(variable) for variable in model.topic_perceptron.variables}
    word_axis = {id(variable): 0 for variable in model.decoder.embedding.variables}
    word_axis |= {id(variable): -1 for variable in model.decoder.readout.variables}
    pairs = [(i, source_vocabulary.id(w)) for i, w in enumerate(vocabulary) if w in source_vocabulary]
    here, there = np.array(pairs).T
    done = {}
    for variable in model.trainable_variables:
        name = _name(variable)
        old, what, axis = known.get(name), "copied", word_axis.get(id(variable))
        if old is not None and axis is not None:
            old = _match_words(ops.convert_to_numpy(variable), old, here, there, axis)
            what = f"{len(pairs)} of {len(vocabulary)} words"
        fits = old is not None and old.shape == tuple(variable.shape) and (same_topics or id(variable) not in topics)
        if fits:
            variable.assign(old)
        done[name] = what if fits else "new"
    return done


def _name(variable: Any) -> str:
    """A variable's path within its model: a second model of a process is called captioner_1."""
    return variable.path.split("/", 1)[-1]


def _match_words(new: np.ndarray, old: np.ndarray, here: list[int], there: list[int], axis: int) -> np.ndarray | None:
    """`new` with the rows `here` along `axis` taken from the rows `there` of `old`; None where the rest differs."""
    new, old = np.moveaxis(new.copy(), axis, 0), np.moveaxis(old, axis, 0)
    if new.shape[1:] != old.shape[1:]:
        return None
    new[here] = old[there]
    return np.moveaxis(new, 0, axis)
