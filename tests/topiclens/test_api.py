"""What `import topiclens` offers: found without reading the source, loaded on first use, and the same as the parts."""

import inspect
import json
import shutil
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

import topiclens
from tests.components.neurons.planted import links
from tests.components.refinement.planted_parent import TRAIN, VAL
from tests.components.videos.conftest import write_clip
from tests.pipeline.review.planted_run import VERSION, make_root
from tests.trainer.numpy_captioner import tiny_captioner
from topiclens.components.features.backbones import registry
from topiclens.components.features.backbones.base import Backbone
from topiclens.components.neurons import activations
from topiclens.pipeline.settings import SettingError
from topiclens.schemas.stretches import Stretch, StretchError
from topiclens.serving.errors import InvalidClip, NeedsWeights
from topiclens.serving.local.server import LocalServer
from topiclens.trainer.export import export
from topiclens.trainer.exported import EXTRA
from topiclens.trainer.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> str:
    """The root of a run whose model says "dog", and "man" where the man's neuron is raised."""
    root = make_root(tmp_path_factory.mktemp("run") / "root")
    links().save(root / "serving" / "topiclens" / VERSION / EXTRA)
    return str(root)


@pytest.fixture(scope="module")
def captioner(root):
    with topiclens.load(root) as captioner:
        yield captioner


def test_importing_the_package_loads_nothing():
    code = "import sys; before = set(sys.modules); import topiclens; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "topiclens" in loaded and not {"numpy", "tensorflow", "grpc", "av"} & set(loaded) and len(loaded) < 10


def test_everything_that_is_offered_is_there_and_documented():
    assert set(dir(topiclens)) == set(topiclens.__all__)
    for name in set(topiclens.__all__) - {"__version__"}:
        thing = getattr(topiclens, name)
        assert inspect.getdoc(thing), name
        if inspect.isfunction(thing):
            undocumented = [
                argument for argument in inspect.signature(thing).parameters if argument not in thing.__doc__
            ]
            assert not undocumented, (name, undocumented)
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = topiclens.nosuch


def test_a_root_a_base_folder_and_an_export_are_the_same_model(root, captioner):
    said = captioner.caption(VAL[0].frames)
    assert said.text == "dog dog dog"
    for place in (f"{root}/serving/topiclens", f"{root}/serving/topiclens/{VERSION}"):
        with topiclens.load(place) as same:
            assert same.caption(VAL[0].frames) == said


def test_topics_go_by_name_and_the_scores_are_named(captioner):
    changed = captioner.what_if(VAL[0].frames, {"man": 2.0})
    assert changed.text == "man man man" and changed.topics == ("dog", "man", "sea")
    np.testing.assert_allclose(changed.topic_scores[1], 2 * 0.5, rtol=1e-5)  # twice its mean activation, over 0
    with pytest.raises(topiclens.UnknownTopic, match=r"'terriers'.*0 \(dog\)"):
        captioner.what_if(VAL[0].frames, {"terriers": 2.0})


def test_feature_files_are_read(captioner, tmp_path):
    np.save(tmp_path / "clip.npy", VAL[0].frames)
    np.savez(tmp_path / "clips.npz", ids=["first"], features=VAL[0].frames[None])
    for path in (tmp_path / "clip.npy", f"{tmp_path}/clips.npz#first"):
        assert captioner.caption(path) == captioner.caption(VAL[0].frames)


def test_a_served_model_answers_the_same(root, captioner):
    with LocalServer(f"{root}/serving/topiclens", grpc_port=0, rest_port=0) as server:
        for address in (server.grpc_address, server.rest_address):
            with topiclens.connect(address) as client:
                client.wait_until_ready()
                assert [topic.name for topic in client.topics] == ["dog", "man", "sea"]
                assert client.about()["features"] == {"backbone": None, "n_frames": 4, "dim": 6}
                assert client.caption(VAL[0].frames).text == "dog dog dog"
                assert client.what_if(VAL[0].frames, {"man": 2.0}).text == "man man man"
                here, there = (asked.explain(VAL[0].frames) for asked in (captioner, client))
                assert json.loads(here.to_json()).keys() == json.loads(there.to_json()).keys()
                np.testing.assert_allclose(here.attention, there.attention, atol=1e-6)


@pytest.fixture(scope="module")
def sighted(tmp_path_factory) -> str:
    """The base folder of a model that sees frames through a tiny network."""
    base = tmp_path_factory.mktemp("sighted")
    words, features = Vocabulary(["a", "dog", "runs", "on", "grass"]), {"backbone": "tiny", "n_frames": 6, "dim": 5}
    export(tiny_captioner(3), words, base / "1", features=features, backbone=tiny_backbone(), beam=3, max_words=6)
    return str(base)


def tiny_backbone(activation: str = "relu") -> Backbone:
    keras.utils.set_random_seed(5)
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(5, 3, activation=activation)(keras.layers.Rescaling(1 / 64)(pixels))
    network = keras.Model(pixels, {"features": keras.layers.GlobalAveragePooling2D()(x)})
    return Backbone("tiny", network, image_size=8, dim=5)


CLIP = np.random.default_rng(0).integers(0, 256, (6, 12, 20, 3), np.uint8)


def test_a_film_is_explained_with_its_topics_and_times_over_the_frames(sighted, monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "load", lambda name, weights=None, cache_dir=None: tiny_backbone())
    with topiclens.load(sighted) as captioner:
        explained = captioner.explain(write_clip(tmp_path / "clip.mp4", 12))
        assert explained.seconds == pytest.approx((0.0, 0.2, 0.4, 0.6, 0.8, 1.0)), "ten frames a second"
        assert explained.topic_timeline.shape == (6, len(explained.topic_scores))
        told = json.loads(explained.to_json())
        np.testing.assert_allclose(told["topic_timeline"], explained.topic_timeline, atol=1e-6)
        assert captioner.explain(list(explained.frames)).seconds is None, "pictures alone have no times"


def test_heat_maps_share_out_the_relevance_of_their_frames(sighted, monkeypatch):
    monkeypatch.setattr(registry, "load", lambda name, weights=None, cache_dir=None: tiny_backbone())
    with topiclens.load(sighted) as captioner:
        plain, told = captioner.explain(CLIP), captioner.explain(CLIP, pixels=True)
    assert plain.heat_maps is None and told.text == plain.text
    assert [heat.word for heat in told.heat_maps].count(None) == 4 < len(told.heat_maps) == len(told.heat_pictures)
    for heat in told.heat_maps:
        of_frame = told.frame_relevance.sum(axis=0) if heat.word is None else told.frame_relevance[heat.word]
        assert np.sum(heat.cells) == pytest.approx(of_frame[heat.frame], rel=1e-3, abs=1e-3)
    assert told._repr_html_().count("<figure") == len(json.loads(told.to_json())["heat_maps"]) == len(told.heat_maps)


def test_heat_maps_that_cannot_be_had_say_what_is_needed(sighted, monkeypatch):
    monkeypatch.setattr(registry, "load", lambda name, weights=None, cache_dir=None: tiny_backbone("tanh"))
    with topiclens.load(sighted) as captioner:
        with pytest.raises(InvalidClip, match="given as features. Give the video file"):
            captioner.explain(np.ones((6, 5)), pixels=True)
        with pytest.raises(ValueError, match="activation tanh"):
            captioner.explain(CLIP, pixels=True)
    with LocalServer(sighted, grpc_port=0, rest_port=0) as server, topiclens.connect(server.grpc_address) as client:
        with pytest.raises(NeedsWeights, match=r"topiclens\.load\('ROOT'\)\.explain\(video, pixels=True\)"):
            client.explain(CLIP, pixels=True)


def test_the_videos_of_a_run_are_its_records(root):
    for split, wanted in (("train", TRAIN), ("val", VAL)):
        got = topiclens.read_videos(root, split)
        assert [(video.video_id, video.captions) for video in got] == [(v.video_id, v.captions) for v in wanted]
        np.testing.assert_array_equal(got[0].frames, wanted[0].frames)


def test_neurons_are_named_by_the_largest_prediction_difference(root, tmp_path):
    named = topiclens.name_neurons(root, VAL)
    neurons = activations.load(f"{root}/serving/topiclens/{VERSION}")
    mean = np.stack([v.mean(axis=0) for _, v in activations.encoded(VAL, neurons.encode)])

    def score(mean, topic):
        f = neurons.f
        return np.maximum(mean @ f.hidden + f.hidden_bias, 0) @ f.score[:, topic]

    chosen = {}  # eq. 9, neuron by neuron
    for row, video in zip(mean, VAL, strict=True):
        for topic in np.flatnonzero(video.topics):
            without = [score(row * (np.arange(len(row)) != j), topic) for j in range(len(row))]
            chosen[int(np.argmax(score(row, topic) - np.array(without)))] = int(topic)
    assert named.topic_of() == chosen
    assert [topic.name for topic in named.topics] == ["dog", "man", "sea"] and "<table>" in named._repr_html_()
    shutil.copytree(f"{root}/serving/topiclens/{VERSION}", tmp_path / "nameless")
    (tmp_path / "nameless" / EXTRA / "links.json").unlink()
    with pytest.raises(activations.NeuronsError, match="has no names of its topics"):
        topiclens.name_neurons(tmp_path / "nameless", VAL)


def test_topics_of_captions_part_what_is_never_said_together():
    captions = {f"m{i}": ["a man plays guitar", "music of a guitar"] for i in range(20)}
    captions |= {f"d{i}": ["a dog runs in snow", "the dog likes snow"] for i in range(20)}
    fit = topiclens.fit_topics(captions, n_topics=2, iterations=200, alpha=0.05, beta=0.01, min_share=0.3)
    (music,), (dogs,) = fit.labels["m0"], fit.labels["d0"]
    assert music != dogs
    assert all(fit.labels[name] == [music if name.startswith("m") else dogs] for name in captions)
    assert {"guitar"} <= set(fit.model.topics[music].words) and "snow" in fit._repr_html_()


def test_a_correction_is_recorded_with_the_caption_that_it_brings(root):
    proposal = topiclens.correct(root, "val0", "man", author="Ann")
    assert (proposal.correction.author, proposal.correction.topic.name) == ("Ann", "man")
    assert "man" in proposal.sweep.smallest.caption
    within = topiclens.correct(root, "val0", "man", author="Ann", from_s=0.1, to_s=0.2)
    assert (within.correction.stretch, within.correction.missed) == (Stretch(0.1, 0.2), "man, 0.1 s to 0.2 s")
    with pytest.raises(StretchError, match="frames are shown from 0.00 s to 0.30 s"):
        topiclens.correct(root, "val0", "man", author="Ann", from_s=3, to_s=5)


def test_a_run_takes_preset_settings_and_data(monkeypatch, tmp_path):
    asked = {}
    runner = types.SimpleNamespace(run=lambda settings, **options: asked.update(options, settings=settings))
    monkeypatch.setitem(sys.modules, "topiclens.pipeline.local_runner", runner)
    monkeypatch.setattr("topiclens.pipeline.local_runner", runner, raising=False)
    with pytest.raises(SettingError, match="'msvd' needs `data`"):
        topiclens.run("msvd", root=str(tmp_path))
    with pytest.raises(SettingError, match="no setting training.epoch"):
        topiclens.run("msvd", root=str(tmp_path), data="clips", settings={"training.epoch": 3})
    topiclens.run(
        "msvd", root=str(tmp_path), data="clips", settings={"training.epochs": 3, "features.backbone": "none"}
    )
    assert asked["data"] == "clips" and asked["root"] == str(tmp_path)
    assert (asked["settings"].training.epochs, asked["settings"].features.backbone) == (3, "none")
