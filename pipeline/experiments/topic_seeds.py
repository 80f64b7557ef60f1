"""A run's records with topics fitted anew: what a comparison shows must not hang on one topic model."""

from __future__ import annotations

import dataclasses
import os
import shutil

import numpy as np

from topiclens.components.topics.documents import content_words
from topiclens.components.topics.fitting import fit
from topiclens.components.topics.model import TABLE
from topiclens.components.topics.settings import SamplerSettings
from topiclens.components.training.run_fn import TOPIC_WORDS_FILE, VOCABULARY_FILE
from topiclens.components.videos.ingest import TEXTS, VIDEOS
from topiclens.pipeline.run_metadata import Outcome, split_files
from topiclens.schemas import records
from topiclens.schemas.files import write_json
from topiclens.schemas.json_lines import read_rows

SPLITS = ("train", "val")


def refitted(outcome: Outcome, sampler: SamplerSettings, seed: int, folder: str) -> Outcome:
    """The run as it would be with another seed of the topic model: topics are fitted to the captions of its training
    videos, and its records labelled by them, as in the pipeline. People's decisions about topics are left out.

    Args:
        folder: gets the topic model, the words of the topics with the vocabulary, and the records of training and
            validation; what is there is kept. Equal seeds give equal files.
    """
    examples, words, topics = (os.path.join(folder, name) for name in ("examples", "words", "topics"))
    if not os.path.exists(os.path.join(topics, TABLE)):  # what is written last
        dataset = outcome.folder("topiclens.Dataset")
        rows = [row for name in (VIDEOS, TEXTS) for row in read_rows(os.path.join(dataset, name))]
        documents = {
            split: {row["video_id"]: content_words(row["captions"]) for row in rows if row["split"] == split}
            for split in SPLITS
        }
        numbers = {field.name: getattr(sampler, field.name) for field in dataclasses.fields(SamplerSettings)}
        fitted = fit(documents["train"], **numbers, seed=seed)
        model = fitted.model
        held_out = {name: model.rule(model.infer_words(name, said)) for name, said in documents["val"].items()}
        labels = fitted.labels | held_out
        for split in SPLITS:
            relabelled = (
                dataclasses.replace(video, topics=np.isin(np.arange(model.n_topics), labels[video.video_id]) * 1)
                for video in records.read(split_files(outcome, split))
            )
            records.write(os.path.join(examples, f"Split-{split}", "records.gz"), relabelled)
        write_json(os.path.join(words, TOPIC_WORDS_FILE), model.word_lifts())
        shutil.copy(os.path.join(outcome.folder("TransformGraph"), VOCABULARY_FILE), words)
        model.save(topics)
    made = {"Examples": examples, "TransformGraph": words, "topiclens.TopicModel": topics}
    return dataclasses.replace(outcome, artifacts=outcome.artifacts | made)
