"""The vocabulary is counted from training captions alone."""

import apache_beam as beam
from apache_beam.testing.util import assert_that, equal_to

from topiclens.components.vocabulary.transform import CountWords


def test_words_of_training_captions_are_counted_and_no_others():
    rows = [
        {"split": "train", "captions": ["A dog runs.", "the dog"]},
        {"split": "train", "captions": ["Dog!"]},
        {"split": "val", "captions": ["a secret zebra"]},
    ]
    with beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner") as p:
        counts = p | beam.Create(rows) | CountWords()
        assert_that(counts, equal_to([("a", 1), ("dog", 3), ("runs", 1), ("the", 1)]))
