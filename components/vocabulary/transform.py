"""Counts the words of training captions with Beam.

TensorFlow Transform would read every record, frames included, to see the captions; the rows of the dataset are text
alone, and their counts merge across workers in any order.
"""

from __future__ import annotations

import apache_beam as beam

from topiclens.trainer.vocabulary import tokenize


class CountWords(beam.PTransform):
    """Accepted manifest rows -> (word, count) over the captions of the training split."""

    def expand(self, rows):
        return (
            rows
            | "Training" >> beam.Filter(lambda row: row["split"] == "train")
            | "Words" >> beam.FlatMap(lambda row: [word for caption in row["captions"] for word in tokenize(caption)])
            | "Count" >> beam.combiners.Count.PerElement()
        )
