"""How good the review queue is where nobody wrote captions: its order and its suggestions, judged by people's captions.

    python -m benchmarks.gain --root runs/flickr8k

Prints CIDEr along the queue's order, and how many of the suggested topics people mention. It reads the captions of the
validation videos that `topiclens review` keeps, so the page must have been open until all clips were captioned.
"""

import glob
import os

import numpy as np

from benchmarks.common import parse_options
from topiclens.components.refinement.acquisition import PredictedCaption, TopicWords, acquisition_score, missing_topics
from topiclens.components.topics.documents import content_words
from topiclens.components.topics.model import TopicModel
from topiclens.pipeline import run_metadata
from topiclens.schemas.json_lines import read_rows
from topiclens.trainer.vocabulary import tokenize


def main() -> None:
    outcome = run_metadata.newest(parse_options(__doc__, root="runs/sample").root)
    topics = TopicWords.of(TopicModel.load(outcome.folder("topiclens.TopicModel")))
    judged = {row["video_id"]: row for row in _rows(outcome.folder("topiclens.CaptionMetrics"), "captions.jsonl")}
    queued, mentioned, by_chance = [], [], []
    for row in _rows(outcome.root, "review", "captions", "*", "*", "*.jsonl"):
        if judged[row["video_id"]]["caption"] != row["caption"]:
            continue  # of another version than the one that was judged
        said = PredictedCaption(row["caption"], row["log_prob"], np.array(row["topic_scores"]))
        missing = missing_topics(said, topics)
        gain = acquisition_score(said, missing)
        queued.append((gain.value, gain.uncertainty, judged[row["video_id"]]["scores"]["CIDEr"]))
        if missing:
            told = _told(topics, said.caption, judged[row["video_id"]]["references"])
            mentioned.append(told[missing[0].topic])
            by_chance.append(told.mean())
    if not queued:
        raise SystemExit(
            f"{outcome.root} has no captions of its judged model: open `topiclens review --root {outcome.root}` first, "
            "and wait until it says that all clips are captioned"
        )
    *orders, ciders = np.array(queued).T
    print(f"{len(ciders)} captions, CIDEr {ciders.mean():.3f}")
    for name, order in zip(("expected gain", "uncertainty alone"), orders):
        first = ciders[np.argsort(-order, kind="stable")[: len(ciders) // 10]]
        print(f"  the first tenth by {name}: {first.mean():.3f}")
    print(f"{len(mentioned)} topics are suggested by the model's own scores alone; people mention {sum(mentioned)} of "
          f"them ({np.mean(mentioned):.0%}), and {np.mean(by_chance):.1%} of all topics")  # fmt: skip


def _rows(*path: str):
    for name in sorted(glob.glob(os.path.join(*path))):
        yield from read_rows(name)


def _told(topics: TopicWords, caption: str, references: list[str]) -> np.ndarray:
    """(topics,) bool: whether at least one of five people surely mentions each, in words that the caption lacks."""
    written = set(tokenize(caption))
    unsaid = [[word for word in content_words([text]) if word not in written] for text in references]
    return np.mean([topics.told_by(words) for words in unsaid], axis=0) >= 0.2


if __name__ == "__main__":
    main()
