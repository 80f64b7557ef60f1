"""What a person sees at the end of a run: captions over the API, the figures, and where everything is."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from topiclens.components import atlas
from topiclens.pipeline.cli import output
from topiclens.pipeline.run_metadata import Outcome

if TYPE_CHECKING:
    from topiclens.components.videos.sampling import Sampling
    from topiclens.schemas.records import VideoRecord
    from topiclens.serving.captioning import Captioning

HELD_OUT = ("test", "val")
EXPLANATIONS, FIGURES = "topiclens.Explanations", "topiclens.NeuronFigures"


def caption_held_out(outcome: Outcome, count: int) -> None:
    """Serves the pushed model, captions held-out videos over its API, and prints what people said beside them."""
    from topiclens.components.captions.evaluator import AS_PEOPLE, UNLIKE, References, describe_agreement
    from topiclens.pipeline.exports import sampling_of
    from topiclens.pipeline.run_metadata import dataset_rows, stored_videos
    from topiclens.serving.client import CaptionClient
    from topiclens.serving.local.server import LocalServer
    from topiclens.serving.saved_model import resolve_version

    rows = [row for row in dataset_rows(outcome) if row["split"] in HELD_OUT]
    rows.sort(key=lambda row: HELD_OUT.index(row["split"]))
    chosen, references = rows[:count], References({row["video_id"]: row["captions"] for row in rows})
    _, stored = stored_videos(outcome, {row["video_id"] for row in chosen if "path" not in row})
    sampling = sampling_of(resolve_version(outcome.serving))
    with LocalServer(outcome.serving, grpc_port=0, rest_port=0) as server, CaptionClient(server.grpc_address) as client:
        version = client.wait_until_ready()
        print(f"\nServing version {version} at {server.grpc_address} (a stand-in for TensorFlow Serving).")
        print(f"Captions of {len(chosen)} held-out videos, over the API:\n")
        for row in chosen:
            said = _ask(client, row, stored, sampling)
            mark = describe_agreement(references, row["video_id"], said) or "one person's caption: no mark"
            colour = {AS_PEOPLE: "green", UNLIKE: "red"}.get(mark, "yellow")
            print(f"  {row['video_id']} ({row['split']}): {output.paint(mark, colour)}")
            print(f"    model : {said}\n    people: {row['captions'][0]}")


def _ask(client: Captioning, row: Mapping, stored: Mapping[str, VideoRecord], sampling: Sampling) -> str:
    if "path" not in row:
        return client.caption_all([stored[row["video_id"]].frames])[0].text
    from topiclens.components.videos.reader import sample_video
    from topiclens.schemas.jpeg_frames import encode_frames

    frames = sample_video(row["path"], sampling, row["video_id"], start=row.get("start"), end=row.get("end")).frames
    return client.caption_all([encode_frames(frames)])[0].text


def summarise(outcome: Outcome) -> None:
    """Prints the metrics, the blessing's reasons, where everything is, and the commands to go on with."""
    from topiclens.components.captions.report import read_figures
    from topiclens.serving.saved_model import resolve_version

    metrics = outcome.folder("topiclens.CaptionMetrics")
    print("\nCaption metrics:\n")
    print(_table(read_figures(metrics)))
    with open(os.path.join(outcome.folder("ModelBlessing"), "reasons.txt"), encoding="utf-8") as file:
        verdict, *reasons = file.read().strip().splitlines()
    print("\n" + output.paint(verdict, "green" if outcome.blessed else "red"), *reasons, "", sep="\n")
    rows = [
        ("captions scored", os.path.join(metrics, "summary.md")),
        ("neurons", _file(outcome, FIGURES, "summary.md", "LSTM-B: none is named")),
        ("atlas", _file(outcome, FIGURES, atlas.INDEX, "none: no neuron has a name")),
        ("explanations", _file(outcome, EXPLANATIONS, "index.html", "none: explanations.videos is 0")),
        ("topics", os.path.join(outcome.folder("topiclens.TopicModel"), "topics.json")),
        ("set aside", os.path.join(outcome.folder("topiclens.Dataset"), "rejected.jsonl")),
        ("served model", resolve_version(outcome.serving) if outcome.blessed else "none: the model was not blessed"),
        ("TensorBoard", f"tensorboard --logdir {outcome.logs}"),
    ]
    for name, value in rows:
        print(f"{name:>16}: {value}")
    print("\nWhat next?\n", *_next_commands(outcome), sep="\n")


def _next_commands(outcome: Outcome) -> Iterator[str]:
    """Commands to go on with, each with what it does, ready to be copied."""
    from topiclens.components.relevance.report import first_explained

    root = shlex.quote(_shorten(outcome.root))
    if not outcome.blessed:
        yield f"  Judge the captions yourself:\n    topiclens evaluate --root {root}"
        return
    yield f"  See captions in the browser, and say what they miss:\n    topiclens review --root {root}"
    if EXPLANATIONS in outcome.artifacts and (first := first_explained(outcome.folder(EXPLANATIONS))):
        video, caption, page = first
        yield f"  See why the model says '{caption}' ({_shorten(page)}):"
        yield f"    topiclens explain --id {shlex.quote(video)} --root {root}"
    yield f"  See which topics there are, and say that a caption misses one:\n    topiclens topics --root {root}"
    yield f"    topiclens correct VIDEO --topic TOPIC --root {root}"


def _shorten(path: str) -> str:
    """A path as it is typed here: relative where it is below the current folder."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


def _file(outcome: Outcome, artifact: str, name: str, otherwise: str) -> str:
    return os.path.join(outcome.folder(artifact), name) if artifact in outcome.artifacts else otherwise


def _table(figures: Mapping[str, Mapping]) -> str:
    """The metrics of each split as aligned columns."""
    names = list(dict.fromkeys(name for split in figures.values() for name in split["metrics"]))
    rows = [
        (split, str(entry["videos"]), *(f"{entry['metrics'].get(name, float('nan')):.3f}" for name in names))
        for split, entry in figures.items()
    ]
    unmeasured = {metric: why for split in figures.values() for metric, why in split["not_measured"].items()}
    lines = [f"{metric} not measured: {why}" for metric, why in unmeasured.items()]
    return "\n".join([output.table(("split", "videos", *names), *rows), *lines])
