"""What a person sees at the end of a run: captions over the API, the figures, and where everything is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from topiclens.pipeline.run_metadata import Outcome

HELD_OUT = ("test", "val")
EXPLANATIONS = "topiclens.Explanations"


def caption_held_out(outcome: Outcome, count: int) -> None:
    """Serves the pushed model, captions held-out videos over its API, and prints captions beside references.

    Args:
        outcome: of a run whose model was pushed.
        count: how many videos at most.
    """
    from topiclens.components.features.store import read_features
    from topiclens.pipeline.exports import sampling_of
    from topiclens.pipeline.stored import dataset_rows
    from topiclens.serving.client import CaptionClient
    from topiclens.serving.local.server import LocalServer
    from topiclens.serving.saved_model import resolve_version

    rows = list(dataset_rows(outcome))
    chosen = sorted((row for row in rows if row["split"] in HELD_OUT), key=lambda row: HELD_OUT.index(row["split"]))
    chosen = chosen[:count]
    features = {}
    if any("path" not in row for row in chosen):
        wanted = {row["video_id"] for row in chosen}
        stored = read_features(outcome.folder("topiclens.FrameFeatures"))
        features = {video_id: frames for video_id, frames in stored if video_id in wanted}
    sampling = sampling_of(resolve_version(outcome.serving))
    with LocalServer(outcome.serving, grpc_port=0, rest_port=0) as server, CaptionClient(server.grpc_address) as client:
        version = client.wait_until_ready()
        print(f"\nServing version {version} at {server.grpc_address} (a stand-in for TensorFlow Serving).")
        print(f"Captions of {len(chosen)} held-out videos, over the API:\n")
        for row in chosen:
            said = _ask(client, row, features, sampling)
            print(f"  {row['video_id']} ({row['split']})\n    model : {said}\n    people: {row['captions'][0]}")


def _ask(client, row: Mapping, features: Mapping, sampling) -> str:
    if "path" not in row:
        return client.caption_all([features[row["video_id"]]])[0].text
    from topiclens.components.videos.reader import sample_video
    from topiclens.serving.frames import encode_frames

    frames = sample_video(row["path"], sampling, row["video_id"], start=row.get("start"), end=row.get("end")).frames
    return client.caption_all([encode_frames(frames)])[0].text


def summarise(outcome: Outcome) -> None:
    """Prints the metrics, the blessing's reasons, where everything is, and a page to begin with."""
    from topiclens.components.captions.report import read_figures
    from topiclens.components.relevance.report import first_explained
    from topiclens.serving.saved_model import resolve_version

    metrics = outcome.folder("topiclens.CaptionMetrics")
    print("\nCaption metrics:\n")
    print(_table(read_figures(metrics)))
    with open(os.path.join(outcome.folder("ModelBlessing"), "reasons.txt"), encoding="utf-8") as reasons:
        print(f"\n{reasons.read().strip()}\n")
    rows = [
        ("captions judged", os.path.join(metrics, "summary.md")),
        ("neurons", _neurons(outcome)),
        ("explanations", _explanations(outcome)),
        ("topics", os.path.join(outcome.folder("topiclens.TopicModel"), "topics.json")),
        ("set aside", os.path.join(outcome.folder("topiclens.Dataset"), "rejected.jsonl")),
        ("served model", resolve_version(outcome.serving) if outcome.blessed else "none: the model was not blessed"),
        ("TensorBoard", f"tensorboard --logdir {outcome.logs}"),
    ]
    for name, value in rows:
        print(f"{name:>16}: {value}")
    if EXPLANATIONS in outcome.artifacts and (first := first_explained(outcome.folder(EXPLANATIONS))):
        caption, page = first
        print(f"\nWhy '{caption}'? See {page}")


def _neurons(outcome: Outcome) -> str:
    if "topiclens.NeuronFigures" not in outcome.artifacts:
        return "LSTM-B: none is named"
    return os.path.join(outcome.folder("topiclens.NeuronFigures"), "summary.md")


def _explanations(outcome: Outcome) -> str:
    if EXPLANATIONS not in outcome.artifacts:
        return "none: explanations.videos is 0"
    return os.path.join(outcome.folder(EXPLANATIONS), "index.html")


def evaluate(outcome: Outcome, model: str | None, split: str) -> None:
    """Judges a model on one split of a run's records and prints the summary.

    Args:
        outcome: the run whose records and topics are used.
        model: an exported model; None is the run's own.
        split: ``train``, ``val`` or ``test``.
    """
    from topiclens.components.captions.evaluate_examples import examine
    from topiclens.components.captions.report import summary
    from topiclens.components.topics.model import TopicModel

    topics = TopicModel.load(outcome.folder("topiclens.TopicModel")).topics
    judgements = examine(
        model or outcome.model,
        {split: os.path.join(outcome.folder("Examples"), f"Split-{split}")},
        topic_names={topic.id: topic.name for topic in topics},
    )
    print(summary(judgements))


def _table(figures: Mapping[str, Mapping]) -> str:
    """The metrics of each split as aligned columns."""
    names = list(dict.fromkeys(name for split in figures.values() for name in split["metrics"]))
    rows: list[Sequence[str]] = [("split", "videos", *names)]
    for split, entry in figures.items():
        rows.append(
            (split, str(entry["videos"]), *(f"{entry['metrics'].get(name, float('nan')):.3f}" for name in names))
        )
    lines = ["  " + "  ".join(f"{cell:>8}" for cell in row) for row in rows]
    unmeasured = {metric: why for split in figures.values() for metric, why in split["not_measured"].items()}
    lines += [f"  {metric} not measured: {why}" for metric, why in unmeasured.items()]
    return "\n".join(lines)
