"""Records whose topics are fitted anew."""

import dataclasses

import numpy as np
import pytest

from topiclens.components.topics.model import TopicModel
from topiclens.components.topics.settings import SamplerSettings
from topiclens.pipeline.experiments.topic_seeds import refitted
from topiclens.pipeline.run_metadata import Outcome, split_files, split_videos
from topiclens.schemas import records
from topiclens.schemas.json_lines import format_rows
from topiclens.schemas.records import VideoRecord

THEMES = (("dog", "park", "runs"), ("guitar", "song", "plays"))
SAMPLER = SamplerSettings(n_topics=2, iterations=60, min_count=1, max_topics=1)


@pytest.fixture
def outcome(tmp_path):
    """Videos of two themes, whose records know of no topic; and a text without a clip."""
    rng = np.random.default_rng(0)
    rows = []
    for split, count in (("train", 30), ("val", 6)):
        videos = []
        for place in range(count):
            captions = [" ".join(rng.permutation(THEMES[place % 2])) for _ in range(4)]
            rows.append({"video_id": f"{split}{place}", "split": split, "captions": captions})
            frames = rng.normal(size=(2, 3)).astype(np.float32)
            videos.append(VideoRecord(f"{split}{place}", split, frames, tuple(captions), np.zeros(5, np.int64)))
        records.write(str(tmp_path / "examples" / f"Split-{split}" / "records.gz"), videos)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "videos.jsonl").write_text(format_rows(rows))
    text = {"video_id": "text", "split": "train", "captions": ["dog park"]}
    (tmp_path / "data" / "texts.jsonl").write_text(format_rows([text]))
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "vocabulary.txt").write_text("dog\nguitar\n")
    folders = {"Examples": "examples", "topiclens.Dataset": "data", "TransformGraph": "words"}
    return Outcome(str(tmp_path), {name: str(tmp_path / folder) for name, folder in folders.items()}, blessed=True)


def test_records_are_labelled_by_the_topics_that_were_fitted(outcome, tmp_path):
    made = refitted(outcome, SAMPLER, 3, str(tmp_path / "seed-3"))
    model = TopicModel.load(made.folder("topiclens.TopicModel"))
    (dogs,) = [topic.id for topic in model.topics if "dog" in topic.words[:3]]
    for split, count in (("train", 30), ("val", 6)):
        videos = split_videos(made, split)
        assert [int(np.argmax(video.topics)) == dogs for video in videos] == [True, False] * (count // 2)
        for before, after in zip(split_videos(outcome, split), videos, strict=True):
            assert after.captions == before.captions and len(after.topics) == model.n_topics == 2
            np.testing.assert_array_equal(after.frames, before.frames)
    assert (tmp_path / "seed-3" / "words" / "vocabulary.txt").read_text() == "dog\nguitar\n"
    assert made.folder("topiclens.Dataset") == outcome.folder("topiclens.Dataset")


def test_what_is_there_is_kept_and_equal_seeds_give_equal_labels(outcome, tmp_path):
    one, two = (refitted(outcome, SAMPLER, 3, str(tmp_path / name)) for name in ("one", "two"))
    for first, second in zip(split_videos(one, "train"), split_videos(two, "train"), strict=True):
        np.testing.assert_array_equal(first.topics, second.topics)
    (written,) = split_files(one, "train")
    with open(written, "rb") as file:
        before = file.read()
    gone = dataclasses.replace(outcome, artifacts={})  # there is nothing to be made of
    assert refitted(gone, SAMPLER, 3, str(tmp_path / "one")).folder("Examples") == one.folder("Examples")
    with open(written, "rb") as file:
        assert file.read() == before
