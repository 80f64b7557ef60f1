"""The whole journey on real video, as a person starts it: clips in, captions over the API out."""

import json
import os
import pathlib
import re

import numpy as np
import pytest

from topiclens.components.neurons.enhancement import enhancement_of
from topiclens.components.neurons.links import TopicLinks, links_of
from topiclens.components.neurons.pdm import Tally
from topiclens.pipeline import run_metadata
from topiclens.pipeline.cli import main as cli
from topiclens.pipeline.sample import fetch
from topiclens.serving.saved_model import resolve_version
from topiclens.trainer.exported import read_enhancement, read_meta

CHANGES = [
    "topics.n_topics=4", "topics.iterations=30", "vocabulary.min_count=1", "model.encoder_units=8",
    "model.attention_units=8", "model.decoder_units=16", "model.embedding_units=8", "model.topic_units=8",
    "training.epochs=2", "features.n_frames=4", 'evaluation.minimum={"CIDEr": 0.0}', "training.learning_rate=0.01",
    'evaluation.report_splits=[]',
]  # fmt: skip
CACHE = pathlib.Path(".cache/downloads")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> pathlib.Path:
    """Three clips of the embedded sample, cut into segments, and one file that is no video."""
    from topiclens.components.common.downloads import DownloadError

    whole = tmp_path_factory.mktemp("sample")
    try:
        fetch.materialise(whole, CACHE)
    except DownloadError as error:
        pytest.skip(f"the sample's clips are neither cached nor to be had: {error}")
    rows = [row for row in fetch.segments() if "bikes" in row["path"] or "carphone" in row["path"]]
    (whole / "videos" / "broken.mp4").write_bytes(b"this is no video")
    rows.append({**rows[0], "video_id": "broken", "path": "videos/broken.mp4", "split": "train"})
    (whole / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return whole


@pytest.fixture(scope="module")
def root(dataset, tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("root")
    assert run(dataset, folder) == 0
    return folder


def run(dataset: pathlib.Path, root: pathlib.Path, *more: str) -> int:
    settings = [argument for change in CHANGES for argument in ("--set", change)]
    return cli.main(["run", "--preset", "sample", "--data", str(dataset), "--root", str(root), *settings, *more])


def test_real_clips_become_a_pushed_model_that_captions_over_the_api(root, dataset, capsys):
    assert run(dataset, root, "--caption-held-out", "2") == 0
    said = capsys.readouterr().out
    assert "Serving version" in said and said.count("model :") == 2 == said.count("people:")
    assert "BLESSED" in said and "tensorboard --logdir" in said


def test_the_clip_that_is_no_video_is_set_aside_with_its_reason(root):
    rejected = pathlib.Path(run_metadata.newest(str(root)).folder("topiclens.Dataset"), "rejected.jsonl")
    (row,) = [json.loads(line) for line in rejected.read_text().splitlines()]
    assert row["video_id"] == "broken" and "broken.mp4" in row["reason"]


def test_the_same_command_again_repeats_nothing(root, dataset):
    before = run_metadata.newest(str(root)).artifacts
    assert run(dataset, root) == 0
    assert run_metadata.newest(str(root)).artifacts == before
    assert len([entry for entry in (root / "serving" / "topiclens").iterdir() if entry.name.isdigit()]) == 1


def test_a_change_of_the_topics_does_not_run_the_network_again(root, dataset):
    before = run_metadata.newest(str(root)).artifacts
    assert run(dataset, root, "--set", "topics.max_topics=2") == 0
    after = run_metadata.newest(str(root)).artifacts
    assert after["topiclens.FrameFeatures"] == before["topiclens.FrameFeatures"]
    assert after["topiclens.TopicModel"] != before["topiclens.TopicModel"]
    assert after["Model"] != before["Model"]


def test_a_file_is_captioned_by_the_model_and_with_another_beam(root, dataset, capsys):
    video = str(dataset / "videos" / "bikes.mp4")
    model = str(root / "serving" / "topiclens")
    assert cli.main(["caption", video, "--model", model, "--json"]) == 0
    assert cli.main(["caption", video, "--model", model, "--beam", "1", "--json"]) == 0
    wide, narrow = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert wide["video"] == narrow["video"] == video
    assert wide["log_prob"] >= narrow["log_prob"] - 1e-4, "a beam of 5 finds at least what a beam of 1 finds"


def test_a_file_is_captioned_as_if_a_topic_were_there(root, dataset, capsys):
    video, model = str(dataset / "videos" / "bikes.mp4"), root / "serving" / "topiclens"
    pushed = resolve_version(model)
    links, named = links_of(pushed), run_metadata.newest(str(root)).folder("topiclens.NeuronLinks")
    assert links == TopicLinks.load(named)
    np.testing.assert_array_equal(read_enhancement(pushed), enhancement_of(links, Tally.load(named)))
    command = ["caption", video, "--model", str(model), "--json"]
    named = next(topic for topic in links.topics if topic.neurons)
    said = []
    for more in ([], ["--with", f"{named.name}=0"], ["--with", f"{named.name}=2"], ["--with", f"{named.id}=2"]):
        assert cli.main([*command, *more]) == 0
        said.append(json.loads(capsys.readouterr().out))
    plain, unchanged, by_name, by_id = said
    assert unchanged == plain != by_name == by_id
    assert cli.main([*command, "--with", "a zebra"]) == 1
    assert "'topiclens topics' shows them" in capsys.readouterr().err


def test_the_model_tells_how_its_clips_were_sampled_and_a_clip_may_be_sampled_otherwise(root, dataset, capsys):
    model = root / "serving" / "topiclens"
    told = read_meta(resolve_version(model))["features"]
    assert (told["sampling"], told["n_frames"]) == ("equal", 4)
    scores = []
    for more in ([], ["--sampling", "equal", "--frames", "4"], ["--sampling", "step", "--step", "2"]):
        assert cli.main(["caption", str(dataset / "videos" / "bikes.mp4"), "--model", str(model), "--json", *more]) == 0
        scores.append(json.loads(capsys.readouterr().out)["log_prob"])
    assert scores[0] == scores[1] != scores[2]


def test_one_unreadable_file_does_not_stop_the_others(root, dataset, capsys):
    videos = [str(dataset / "videos" / name) for name in ("broken.mp4", "bikes.mp4")]
    assert cli.main(["caption", *videos, "--model", str(root / "serving" / "topiclens")]) == 1
    said = capsys.readouterr()
    assert "broken.mp4" in said.err and "bikes.mp4: " in said.out


def test_topics_and_evaluation_are_shown(root, capsys):
    assert cli.main(["topics", "--root", str(root)]) == 0
    assert cli.main(["evaluate", "--root", str(root), "--split", "val"]) == 0
    said = capsys.readouterr().out
    assert "NPMI" in said and "CIDEr" in said and "## val, by slice" in said


def test_neurons_are_named_measured_and_judged(root, capsys):
    outcome = run_metadata.newest(str(root))
    reasons = pathlib.Path(outcome.folder("ModelBlessing"), "reasons.txt").read_text()
    assert "CIDEr" in reasons and "detecting neuron" in reasons
    figures = pathlib.Path(outcome.folder("topiclens.NeuronFigures"))
    assert "Detected best" in (figures / "summary.md").read_text()
    assert any((root / "training" / "neurons").glob("events.*")), "TensorBoard finds them beside the training"
    assert cli.main(["neurons", "--root", str(root)]) == 0
    assert cli.main(["neurons", "--root", str(root), "--json"]) == 0
    table, links = capsys.readouterr().out.split("{", 1)
    assert str(figures / "atlas" / "index.html") in table and (figures / "atlas" / "neuron-19.html").is_file()
    assert "of 20 neurons are named, " in table and json.loads("{" + links)["n_neurons"] == 20


def test_held_out_videos_are_explained_from_the_best_caption_to_the_worst(root, dataset, capsys):
    assert run(dataset, root) == 0
    said = capsys.readouterr().out
    outcome = run_metadata.newest(str(root))
    folder = pathlib.Path(outcome.folder("topiclens.Explanations"))
    entries = json.loads((folder / "index.json").read_text())
    metrics = pathlib.Path(outcome.folder("topiclens.CaptionMetrics"), "captions.jsonl").read_text().splitlines()
    judged = {row["video_id"]: row for row in map(json.loads, metrics) if row["split"] == "val"}
    assert len(entries) == min(8, len(judged)), "as many as explanations.videos asks for"
    ciders = [judged[entry["video"]]["scores"]["CIDEr"] for entry in entries]
    assert ciders == sorted(ciders, reverse=True)
    assert [entry["said"] for entry in entries] == [judged[entry["video"]]["caption"] for entry in entries]
    page = (folder / entries[0]["page"]).read_text()
    assert "<img" in page and "What it is made of, exactly" in page and "people wrote" in page
    assert str(folder / "index.html") in said
    atlas = pathlib.Path(outcome.folder("topiclens.NeuronFigures"), "atlas", "index.html")
    assert f"atlas: {atlas}" in said
    to_atlas = re.search('href="([^"]*atlas/index.html)"', page)[1]
    assert (folder / to_atlas).resolve() == atlas.resolve()
    best = folder / entries[0]["page"]
    assert str(best) in said or os.path.relpath(best) in said, "the last lines name the page of the best caption"
    assert f"topiclens explain --id {entries[0]['video']} --root {root}" in said


def test_a_video_of_the_dataset_is_explained_by_its_id(root, dataset, tmp_path, capsys):
    rows = [json.loads(line) for line in (dataset / "manifest.jsonl").read_text().splitlines()]
    name = next(row["video_id"] for row in rows if row["split"] == "train")
    assert cli.main(["explain", "--id", name, "--root", str(root), "--output", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["video"] == name and told["notes"] == [] and told["references"]
    assert "<img" in pathlib.Path(told["page"]).read_text()


def test_models_are_compared_and_the_table_is_kept(root, capsys):
    settings = [argument for change in CHANGES for argument in ("--set", change)]
    command = ["compare", "--root", str(root), "--seeds", "1", *settings]
    assert cli.main(command) == 0
    first = capsys.readouterr()
    assert cli.main(command) == 0
    again = capsys.readouterr()
    assert first.err.count("training") >= 3 and "training" not in again.err
    assert again.out == first.out
    markdown = (root / "comparison" / "reduced" / "comparison.md").read_text().splitlines()
    head = next(line for line in markdown if line.startswith("| figure"))
    for name in ("LSTM-B", "LSTM-I", "LSTM-I, shuffled topics"):
        assert f" {name} |" in head
    texts = markdown, first.out.splitlines()
    f1, printed = (next(line for line in lines if re.match(r"(\| )?F1 ", line)) for lines in texts)
    assert f1.split(" | ")[1] in printed
    differences = json.loads((root / "comparison" / "reduced" / "differences.json").read_text())
    assert {"LSTM-B", "random names", "linear map of raw features"} <= set(differences)
    assert (root / "comparison" / "reduced" / "profiles.png").stat().st_size > 1000


def test_the_border_effect_is_measured_and_a_policy_recommended(root, capsys):
    assert cli.main(["border", "--root", str(root), "--steps", "2", "--videos", "4"]) == 0
    told = capsys.readouterr()
    said = told.out
    assert "4 frames a policy" in told.err and "\nequal " in said and "\nrandom_clip 2 " in said
    assert "--set features.sampling=" in said or "Keep 'equal'" in said
    assert cli.main(["border", "--root", str(root), "--frames", "100000"]) == 1
    assert "more than 100000 frames" in capsys.readouterr().err
