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
    """Copies what fits from one captioner into another.

    Weights of equal name and shape are copied. The rows of the word vectors and of the readout are matched by the word
    itself; words that only the new vocabulary has keep their initial weights. The topic perceptron f is copied only
    when both models name the same topics: topic 3 of one corpus is not topic 3 of another, even where shapes agree.

    Args:
        model, source: Captioners; `model` is changed.
        vocabulary, source_vocabulary: theirs.
        same_topics: the two were trained with one topic model.
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
        name, old = _name(variable), known.get(_name(variable))
        if old is None or (id(variable) in topics and not same_topics):
            done[name] = "new"
        elif id(variable) in word_axis:
            value = _match_words(ops.convert_to_numpy(variable), old, here, there, word_axis[id(variable)])
            done[name] = "new" if value is None else f"{len(pairs)} of {len(vocabulary)} words"
            if value is not None:
                variable.assign(value)
        elif old.shape == tuple(variable.shape):
            variable.assign(old)
            done[name] = "copied"
        else:
            done[name] = "new"
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
