"""`topiclens explain` on clips made here, by a tiny model with a tiny network: in process, and by a server."""

import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from tests.components.videos.conftest import write_clip
from tests.trainer.numpy_captioner import tiny_captioner
from topiclens.components.features.backbones import registry
from topiclens.components.features.backbones.base import Backbone
from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.components.relevance.reading import ModelReader
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline import exports, run_metadata
from topiclens.pipeline.cli import main as cli
from topiclens.schemas import records
from topiclens.serving.client import CaptionClient
from topiclens.serving.local.server import LocalServer
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.export import export
from topiclens.trainer.exported import EXTRA
from topiclens.trainer.vocabulary import Vocabulary

DIM, NEURONS, TOPICS = 5, 6, 4
FEATURES = {"backbone": "tiny", "n_frames": 28, "dim": DIM}


def tiny_backbone():
    keras.utils.set_random_seed(5)
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(DIM, 3, activation="relu")(keras.layers.Rescaling(1 / 64)(pixels))
    network = keras.Model(pixels, {"features": keras.layers.GlobalAveragePooling2D()(x)})
    return Backbone("tiny", network, image_size=8, dim=DIM)


def save(captioner: Captioner, folder, backbone=None, features=FEATURES):
    vocabulary = Vocabulary(["a", "dog", "runs", "on", "grass"])
    export(captioner, vocabulary, folder, features=features, backbone=backbone, beam=3, max_words=6)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A serving base folder with one version."""
    folder = tmp_path_factory.mktemp("serving")
    save(tiny_captioner(3), folder / "1", tiny_backbone())
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    (folder / "broken.mp4").write_bytes(b"this is no video")
    return [str(write_clip(folder / "one.mp4", 12)), str(folder / "broken.mp4"), str(write_clip(folder / "two.mp4", 5))]


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch):
    monkeypatch.setattr(registry, "load", lambda name, weights=None, cache_dir=None: tiny_backbone())


@pytest.fixture
def run_at(tmp_path, monkeypatch):
    """Makes a root whose newest run trained a model and named its neurons; gives the root."""

    def run_at(model, n_neurons=NEURONS):
        topics = (TopicLink(i, f"topic name {i}", (), None, 2, (LinkedNeuron(i, 3, 0.1, 0.2),)) for i in range(TOPICS))
        TopicLinks(tuple(topics), n_neurons).save(tmp_path / "links")
        (tmp_path / "Model").mkdir()
        (tmp_path / "Model" / run_metadata.EXPORTED).symlink_to(model)
        artifacts = {exports.LINKS: str(tmp_path / "links"), "Model": str(tmp_path / "Model")}
        artifacts[exports.FIGURES] = str(tmp_path / "figures")
        monkeypatch.setattr(run_metadata, "newest", lambda root: run_metadata.Outcome(root, artifacts, True))
        return str(tmp_path)

    return run_at


@pytest.fixture
def dataset_at(run_at, tmp_path, videos):
    """Makes a root whose newest run stored features of two videos, one of them of a film; gives the root."""

    def dataset_at(model, time=12):
        root = run_at(model)
        rng = np.random.default_rng(0)
        rows = [{"video_id": "v1.filmed", "path": videos[0]}, {"video_id": "v2", "features": "v2.npy"}]
        rows = [{**row, "captions": ["a dog runs"], "split": split} for row, split in zip(rows, ("val", "train"))]
        (tmp_path / "dataset").mkdir()
        (tmp_path / "dataset" / "videos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for row in rows:
            folder = tmp_path / "examples" / f"Split-{row['split']}"
            folder.mkdir(parents=True)
            frames, topics = rng.normal(size=(time, DIM)), np.zeros(TOPICS)
            record = records.VideoRecord(row["video_id"], row["split"], frames, ("a dog runs",), topics)
            records.write(str(folder / "data.gz"), [record])
        artifacts = run_metadata.newest(root).artifacts
        artifacts.update({"topiclens.Dataset": str(tmp_path / "dataset"), "Examples": str(tmp_path / "examples")})
        return root

    return dataset_at


def explain(capsys, *arguments) -> list[dict]:
    """What `topiclens explain --json` prints."""
    cli.main(["explain", *map(str, arguments), "--json"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_video_gets_a_page_a_picture_and_numbers_and_a_broken_one_stops_none(base, videos, tmp_path, capsys):
    assert cli.main(["explain", *videos, "--model", str(base), "--root", "nowhere", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "broken.mp4" in said.err and "Traceback" not in said.err
    assert str(tmp_path / "one.html") in said.out and str(tmp_path / "index.html") in said.out
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{kind}" for name in ("one", "two") for kind in ("html", "png", "json")
    } | {"index.html", "index.json"}
    assert Image.open(tmp_path / "one.png").width > 1000
    told = json.loads((tmp_path / "one.json").read_text())
    assert len(told["seconds"]) == 12 and "Name its root with --root" in told["notes"][0]
    index = (tmp_path / "index.html").read_text()
    assert 'href="one.html"' in index and "1 that could not be explained" in index


def test_a_clip_is_sampled_as_the_model_was_trained_or_as_asked(videos, tmp_path, capsys):
    trained = Sampling("step", n_frames=3, step=2)
    model = save(tiny_captioner(3), tmp_path / "model", features={**FEATURES, **trained.to_json()})

    def seconds(*asked):
        (told,) = explain(capsys, videos[0], "--model", model, "--root", "nowhere", "--output", tmp_path, *asked)
        return told["seconds"]

    # A clip of 12 frames, ten a second.
    assert seconds() == pytest.approx([index / 10 for index in trained.indices(12, "one")])
    assert seconds("--step", "5") == pytest.approx([0.0, 0.5, 1.0])
    assert seconds("--sampling", "equal", "--frames", "4") == pytest.approx([0.0, 0.3, 0.6, 0.9])


def test_a_video_of_a_dataset_is_sampled_by_its_id(tmp_path, dataset_at, capsys):
    trained = Sampling("random_clip", n_frames=2, seed=1)
    model = save(tiny_captioner(3), tmp_path / "model", features={**FEATURES, **trained.to_json()})
    (told,) = explain(capsys, "--id", "v1.filmed", "--root", dataset_at(model, time=2))
    assert trained.indices(12, "v1.filmed") != trained.indices(12, "one")
    assert told["seconds"] == pytest.approx([index / 10 for index in trained.indices(12, "v1.filmed")])


def test_a_server_tells_the_same(base, videos, tmp_path, capsys):
    (mine,) = explain(capsys, videos[0], "--model", base, "--root", "nowhere", "--output", tmp_path)
    with LocalServer(base, grpc_port=0, rest_port=0) as server:
        (theirs,) = explain(
            capsys, videos[0], "--server", server.grpc_address, "--root", "nowhere", "--output", tmp_path / "served"
        )
    assert mine["caption"] == theirs["caption"] and len(mine["words"]) == len(theirs["words"]) > 0
    assert mine["log_prob"] == pytest.approx(theirs["log_prob"], rel=1e-4)
    assert mine["neurons_by"] == theirs["neurons_by"] == "relevance"
    for word, other in zip(mine["words"], theirs["words"]):
        for name in ("attention", "relevance", "score", "from_frames", "from_words", "from_biases"):
            np.testing.assert_allclose(word[name], other[name], rtol=1e-4, atol=1e-5, err_msg=f"{word['text']} {name}")
    scores = [[topic["score"] for topic in told["topics"]] for told in (mine, theirs)]
    np.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-5)


def test_a_server_of_an_older_export_tells_the_same_but_relevance(base, videos, tmp_path, capsys, monkeypatch):
    without = property(lambda client: {name: 0 for name in client.metadata().signatures if "relevance" not in name})
    monkeypatch.setattr(CaptionClient, "signatures", without)
    with LocalServer(base, grpc_port=0, rest_port=0) as server:
        (told,) = explain(capsys, videos[0], "--server", server.grpc_address, "--root", "nowhere", "--output", tmp_path)
    assert told["neurons_by"] == "attended activation" and told["words"][0]["relevance"] is None
    assert "older version" in told["notes"][-1] and "--model" in told["notes"][-1]


def test_neurons_are_named_by_the_run_that_trained_the_model(base, videos, tmp_path, run_at, capsys):
    root = run_at(base / "1")
    (told,) = explain(capsys, videos[0], "--model", base, "--root", root, "--output", tmp_path)
    assert told["notes"] == [] and told["topics"][0]["name"].startswith("topic name")
    names = {topic["name"] for topic in told["words"][0]["topics"]}
    assert names == {*(f"topic name {i}" for i in range(TOPICS)), None}


def test_the_topics_seen_most_are_told_with_the_moment_at_which_they_are(base, videos, tmp_path, run_at, capsys):
    root = run_at(base / "1")
    asked = [videos[0], "--model", base, "--root", root, "--output", tmp_path]
    (told,) = explain(capsys, *asked)
    cli.main(["explain", *map(str, asked)])
    said = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip().startswith("sees")]
    seen = [line for line in told["timelines"] if line["relevant"]]
    assert len(said) == len(seen) > 0
    for text, line in zip(said, seen):
        peak = int(np.argmax(line["scores"]))
        moment = f"{told['seconds'][peak]:.1f}\N{NO-BREAK SPACE}s"
        assert text == f"sees {line['name']} {line['score']:.2f}, most at {moment} ({line['scores'][peak]:.2f})"
    assert "What it sees when" in (tmp_path / "one.html").read_text()


def test_neurons_are_not_named_by_a_run_that_trained_another_model(base, videos, tmp_path, run_at, capsys):
    root = run_at(save(tiny_captioner(4), tmp_path / "other"))
    (told,) = explain(capsys, videos[0], "--model", base, "--root", root, "--output", tmp_path)
    assert "trained another model" in told["notes"][0] and told["words"][0]["topics"] == []


def test_a_model_that_brings_the_names_of_its_neurons_needs_no_run(base, videos, tmp_path, run_at, capsys):
    root, model = run_at(base / "1"), save(tiny_captioner(4), tmp_path / "refined", tiny_backbone())
    TopicLinks.load(tmp_path / "links").save(model / EXTRA)
    for place in (root, tmp_path / "nowhere"):
        (told,) = explain(capsys, videos[0], "--model", model, "--root", place, "--output", tmp_path)
        assert told["notes"] == [] and told["topics"][0]["name"].startswith("topic name")


def test_a_page_leads_to_the_atlas_of_the_run_that_gave_the_names(base, videos, tmp_path, run_at, capsys):
    root = run_at(base / "1")
    for written in (False, True):
        if written:
            (tmp_path / "figures" / "atlas").mkdir(parents=True)
        explain(capsys, videos[0], "--model", base / "1", "--root", root, "--output", tmp_path / "pages")
        page = (tmp_path / "pages" / "one.html").read_text()
        assert ('href="../figures/atlas/topic-0.html"' in page) == written


def test_a_refined_model_has_the_atlas_of_its_run_and_another_has_none(base, tmp_path, run_at):
    root = run_at(base / "1")
    (tmp_path / "figures" / "atlas").mkdir(parents=True)
    links = TopicLinks.load(tmp_path / "links")
    first = dataclasses.replace(links.topics[0], videos=1, neurons=())
    refined = dataclasses.replace(links, topics=(first, *links.topics[1:]))
    renamed = dataclasses.replace(links, topics=(dataclasses.replace(first, name="sea"), *links.topics[1:]))
    assert exports.atlas_of(root, refined) == str(tmp_path / "figures" / "atlas")
    for other in (renamed, dataclasses.replace(links, n_neurons=NEURONS + 1), None):
        assert exports.atlas_of(root, other) is None


def test_a_servers_neurons_are_not_named_by_links_that_cannot_be_its_own(base, videos, tmp_path, run_at, capsys):
    root = run_at(base / "1", n_neurons=NEURONS + 2)
    with LocalServer(base, grpc_port=0, rest_port=0) as server:
        (told,) = explain(capsys, videos[0], "--server", server.rest_address, "--root", root, "--output", tmp_path)
    assert "another model's" in told["notes"][-1] and told["topics"][0]["name"].startswith("topic ")


def test_a_model_that_learnt_no_topics_is_explained_without_them(videos, tmp_path, capsys):
    model = save(tiny_captioner(3, interpretive_weight=0.0), tmp_path / "model")
    (told,) = explain(capsys, videos[0], "--model", model, "--root", "nowhere", "--output", tmp_path)
    assert told["topics"] == [] and told["words"][0]["relevance"] and told["timelines"][0]["topic_id"] is None


def test_a_model_that_reads_features_says_so(videos, tmp_path, capsys):
    model = save(tiny_captioner(3), tmp_path / "model", features={**FEATURES, "backbone": None})
    assert cli.main(["explain", videos[0], "--model", str(model)]) == 1
    assert "cannot see a video file" in capsys.readouterr().err


@pytest.mark.parametrize("features", [FEATURES, {**FEATURES, "backbone": None}], ids=["backbone", "features alone"])
def test_videos_of_the_runs_dataset_are_explained_by_their_stored_features(features, dataset_at, tmp_path, capsys):
    model = save(tiny_captioner(3), tmp_path / "model", features=features)
    root = dataset_at(model)
    filmed, brought = explain(capsys, "--id", "v1.filmed", "v2", "--root", root)
    assert filmed["notes"] == [] and len(filmed["seconds"]) == filmed["frames"] == 12
    assert "<img" in open(filmed["page"]).read() and filmed["page"].endswith("v1-filmed.html")
    assert "brought features" in brought["notes"][0] and brought["seconds"] is None and brought["frames"] == 12
    assert "<img" not in open(brought["page"]).read() and brought["references"] == ["a dog runs"]
    (record,) = records.read(records.files_of(str(tmp_path / "examples" / "Split-train")))
    assert brought["caption"] == " ".join(ModelReader(model)(record.frames).words)
    assert (tmp_path / "explanations" / "index.html").exists()


def test_a_server_explains_stored_features_too(dataset_at, base, capsys):
    root = dataset_at(base / "1")
    (mine,) = explain(capsys, "--id", "v2", "--root", root)
    with LocalServer(base, grpc_port=0, rest_port=0) as server:
        (theirs,) = explain(capsys, "--id", "v2", "--root", root, "--server", server.grpc_address)
    assert mine["caption"] == theirs["caption"] and theirs["neurons_by"] == "relevance"
    np.testing.assert_allclose(
        [word["attention"] for word in mine["words"]], [word["attention"] for word in theirs["words"]], atol=1e-5
    )


def test_heat_maps_and_the_check_are_on_the_page_and_in_the_numbers(base, videos, tmp_path, capsys):
    (told,) = explain(
        capsys, videos[0], "--model", base, "--root", "nowhere", "--output", tmp_path, "--pixels", "--check"
    )
    whole = [heat for heat in told["heat_maps"] if heat["word"] is None]
    assert len(whole) == 4 and len(told["heat_maps"]) > 4
    frames = np.sum([word["relevance"] for word in told["words"]], axis=0)
    for heat in told["heat_maps"]:
        of_frame = frames if heat["word"] is None else told["words"][heat["word"]]["relevance"]
        assert np.sum(heat["cells"]) == pytest.approx(of_frame[heat["frame"]], rel=1e-3, abs=1e-3)
    assert len(told["check"]["by_relevance"]) == len(told["check"]["random"]) == 12
    assert told["check"]["by_relevance"][0] == pytest.approx(told["check"]["random"][0])
    page = open(told["page"]).read()
    assert page.count("heat map of the frame") == len(told["heat_maps"]) and "Do these frames matter?" in page


def test_heat_maps_of_stored_features_want_a_film_and_a_network_that_has_rules(
    dataset_at, base, tmp_path, capsys, monkeypatch
):
    root = dataset_at(base / "1")
    filmed, brought = explain(capsys, "--id", "v1.filmed", "v2", "--root", root, "--pixels")
    assert filmed["heat_maps"] and brought["heat_maps"] == []
    assert "no heat maps: there are no pictures" in brought["notes"][-1]
    softened = tiny_backbone()
    softened.network.layers[2].activation = keras.activations.tanh
    monkeypatch.setattr(registry, "load", lambda name, weights=None, cache_dir=None: softened)
    (told,) = explain(capsys, "--id", "v1.filmed", "--root", root, "--pixels")
    assert told["heat_maps"] == [] and "activation tanh" in told["notes"][-1]


@pytest.mark.parametrize("wanted", ["--pixels", "--check"])
def test_what_needs_the_weights_is_not_asked_of_a_server(wanted, videos, capsys):
    assert cli.main(["explain", videos[0], "--server", "localhost:1", wanted]) != 0
    assert f"{wanted} needs the model's weights" in capsys.readouterr().err


def test_an_id_that_the_run_does_not_know_stops_no_other(dataset_at, base, capsys):
    root = dataset_at(base / "1")
    assert cli.main(["explain", "--id", "nobody", "v2", "--root", root]) == 1
    said = capsys.readouterr()
    assert "stored no features of a video 'nobody'" in said.err and "v2.html" in said.out


def test_a_model_of_other_features_says_so(dataset_at, base, tmp_path, capsys):
    other = save(tiny_captioner(3, feature_dim=DIM + 2), tmp_path / "wider", features={**FEATURES, "dim": DIM + 2})
    assert cli.main(["explain", "--id", "v2", "--root", dataset_at(base / "1"), "--model", str(other)]) == 1
    assert f"reads {DIM + 2} numbers a frame, these features have {DIM}" in capsys.readouterr().err


def test_frames_that_were_stored_cannot_be_sampled_anew(dataset_at, base, capsys):
    assert cli.main(["explain", "--id", "v2", "--root", dataset_at(base / "1"), "--frames", "3"]) == 1
    assert "the frames that the run stored" in capsys.readouterr().err


@pytest.mark.parametrize("named", [[], ["clip.mp4", "--id", "v2"]], ids=["none", "both"])
def test_either_files_or_ids_are_explained(named):
    with pytest.raises(SystemExit) as ended:
        cli.main(["explain", *named])
    assert ended.value.code == 2


def test_neither_tfx_nor_beam_is_needed():
    modules = "topiclens.pipeline.cli.main, topiclens.pipeline.explaining, topiclens.trainer.export"
    modules += ", topiclens.serving.client, topiclens.serving.saved_model"
    code = f"import sys, {modules}, topiclens.components.features.backbones.registry"
    code += "; print({'tfx', 'apache_beam'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.stdout.strip() == "set()", run.stderr
