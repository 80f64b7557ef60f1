"""`topiclens experiment corrections` on planted neurons: a captioner that says "dog", and videos of men."""

import dataclasses
import json
import os
import pathlib

import numpy as np
import pytest

from tests.components.neurons.planted import DOG, MAN, NEURONS, VOCABULARY, links, planted_captioner
from topiclens.components.captions.meteor import MeteorUnavailable, SharedMeteor
from topiclens.components.neurons.activations import NeuronsError
from topiclens.components.neurons.pdm import Tally
from topiclens.components.refinement import half_trials as halving
from topiclens.components.refinement.experiment import Others
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline import run_metadata
from topiclens.pipeline.cli import main as cli
from topiclens.pipeline.experiments import correct_halves
from topiclens.schemas import records
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.exported import EXTRA, FORMAT, JSON_FILE, WEIGHTS_FILE

SETTINGS = RefinementSettings(strength_factor=2.0, nearness="weights", mu=(1e-4,))
DECODING = {"beam": 1, "max_words": 3, "length_penalty": 0.0}


def video(name, split, seed, frames=4, captions=("a man", "the man", "man"), topics=(0, 1, 0)):
    drawn = np.random.default_rng(seed).normal(size=(frames, 6)).astype(np.float32)
    return VideoRecord(name, split, drawn, captions, np.array(topics))


VAL = [
    video("one", "val", 1), video("two", "val", 2, frames=5), video("single frame", "val", 3, frames=1),
    video("right", "val", 4, captions=("a dog", "dog", "dog"), topics=(1, 0, 0)),
]  # fmt: skip


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    captioner = planted_captioner()
    captioner.config = dataclasses.replace(captioner.config, interpretive_weight=0.1)
    rng = np.random.default_rng(0)
    for variable in captioner.topic_perceptron.weights:
        variable.assign(rng.normal(size=variable.shape))
    extra = root / "Model" / run_metadata.EXPORTED / EXTRA
    extra.mkdir(parents=True)
    captioner.save_weights(extra / WEIGHTS_FILE)
    meta = {
        "format": FORMAT, "model": dataclasses.asdict(captioner.config), "vocabulary": list(VOCABULARY),
        "features": {}, "decoding": DECODING,
    }  # fmt: skip
    (extra / JSON_FILE).write_text(json.dumps(meta))
    links().save(root / "NeuronLinks")
    tally = Tally.empty(3, NEURONS)
    tally.votes[[0, 1], [DOG, MAN]] = tally.videos[:2] = 9
    tally.activations[[0, 1], [DOG, MAN]] = 9 * 0.5
    tally.save(root / "NeuronLinks")
    for split, videos in (("val", VAL), ("train", [video("train", "train", 9)])):
        (root / "Examples" / f"Split-{split}").mkdir(parents=True)
        records.write(str(root / "Examples" / f"Split-{split}" / "data.gz"), videos)
    (root / "Dataset").mkdir()
    row = {"video_id": "one", "split": "val", "features": "features_val.npz#one"}
    (root / "Dataset" / "videos.jsonl").write_text(json.dumps(row) + "\n")
    names = {"topiclens.NeuronLinks": "NeuronLinks", "topiclens.Dataset": "Dataset"}
    artifacts = {kind: str(root / names.get(kind, kind)) for kind in (*names, "Examples", "Model")}
    return run_metadata.Outcome(str(root), artifacts, True)


@pytest.fixture(autouse=True)
def no_java(monkeypatch):
    def unavailable():
        raise MeteorUnavailable("no Java in this test")

    monkeypatch.setattr(correct_halves, "SharedMeteor", lambda: SharedMeteor(unavailable))


def run(outcome, folder, settings=SETTINGS, **options):
    said = []
    found = correct_halves.correct_halves(outcome, settings, folder=str(folder), progress=said.append, **options)
    return found.to_markdown(), json.loads((folder / "corrections.json").read_text()), said


def timeless(experiment):
    """The results but for the seconds that they took."""
    if isinstance(experiment, dict):
        return {name: timeless(value) for name, value in experiment.items() if name != "seconds"}
    return [timeless(value) for value in experiment] if isinstance(experiment, list) else experiment


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("experiment")


def test_one_half_corrects_and_the_other_gains_the_topic(outcome, kept):
    table, told, said = run(outcome, kept)
    assert [row["left"] for row in told["rule"]] == [4, 3, 3, 3, 2, 2, 2]
    assert [result["item"]["video_id"] for result in told["results"]] == ["one", "two"]
    for result in told["results"]:
        assert result["item"]["captions"] == ["dog dog dog", "dog dog dog"]
        for trial, direction in ((result["forth"], "first → second"), (result["back"], "second → first")):
            assert trial["direction"] == direction and trial["strength"] == 0.5  # twice the smallest, 0.25
            assert trial["taught"]["captions"] == ["dog dog dog", "man man man"]
            assert trial["left"] < 0.5 * trial["asked"]
    # Without inputs to tell frames apart by, what is learnt of one half is learnt of every frame.
    assert told["figures"]["second_halves_gained"] == told["figures"]["together_gained"] == 2
    assert "**2 of 2 second halves gain a word that names the topic**" in table
    assert "the regions of each photo, halved in the middle" in table and "words in common" in table
    assert table == (kept / "corrections.md").read_text()
    assert any("min left" in line for line in said)


def test_the_control_teaches_another_topic_and_brings_nothing_in(outcome, kept):
    _, told, _ = run(outcome, kept)
    for result in told["results"]:
        assert result["control_topic"] == "dog"  # the only other one with a neuron
        assert result["control"]["strength"] == result["forth"]["strength"]
        assert result["control"]["tested"]["captions"] == ["dog dog dog", "dog dog dog"]
    assert told["figures"]["control_gained"] == 0


class Said:
    """Candidates that said what is written here."""

    untouched = {"one": "a dog", "same": "a dog", "gains": "a dog", "names it": "a man", "has it": "a dog"}
    refined = {"one": "a man", "same": "a dog", "gains": "a man", "names it": "man", "has it": "a man"}

    def captions(self, candidate, videos):
        return {video.video_id: candidate[video.video_id] for video in videos}


def test_what_other_videos_wrongly_gain_is_counted():
    item = halving.InaccurateCaption("one", 1, "man", ("man",), 3, 3, ("a dog", "a dog"))
    videos = [video(name, "val", 0, topics=(1, int(name in ("one", "has it")), 0)) for name in Said.untouched]
    judge = correct_halves._Judge(videos, len(videos), seed=0, meteor=SharedMeteor())
    found = judge.others(Said(), Said.refined, item)
    assert found == Others(judged=4, unchanged=1, without=2, wrongly_gained=1)


def test_a_model_that_never_learnt_topics_is_corrected_through_an_f_that_is_fitted_to_it(outcome, tmp_path):
    without, root = planted_captioner(), tmp_path / "without"
    extra = root / run_metadata.EXPORTED / EXTRA
    extra.mkdir(parents=True)
    without.save_weights(extra / WEIGHTS_FILE)
    meta = json.loads((pathlib.Path(outcome.model) / EXTRA / JSON_FILE).read_text())
    (extra / JSON_FILE).write_text(json.dumps({**meta, "model": dataclasses.asdict(without.config)}))
    baseline = dataclasses.replace(outcome, artifacts={**outcome.artifacts, "Model": str(root)})
    table, told, _ = run(outcome, tmp_path / "experiment", baseline=baseline)
    found = told["baseline"]
    assert [row["left"] for row in found["rule"]][:5] == [row["left"] for row in told["rule"]][:5]  # the same rule
    assert "| without topics |" in table and found["baseline"] is None
    assert (tmp_path / "experiment" / "without-topics").is_dir()
    with pytest.raises(NeuronsError, match="learnt topics itself"):
        run(outcome, tmp_path / "other", baseline=outcome)


def test_what_is_done_is_kept_and_a_stopped_experiment_goes_on(outcome, kept, tmp_path, monkeypatch):
    _, whole, _ = run(outcome, kept)
    computed, write = [], correct_halves.write_json

    def stopping(path, value):
        write(path, value)
        computed.append(os.path.basename(path))
        if computed[-1].startswith("0000"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(correct_halves, "write_json", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(outcome, tmp_path)
    corrected, correct = [], halving.HalfTrials.correct

    def counted(self, item, *more):
        corrected.append(item.video_id)
        return correct(self, item, *more)

    monkeypatch.setattr(halving.HalfTrials, "correct", counted)
    _, resumed, _ = run(outcome, tmp_path)
    assert corrected == ["two", "two"]  # there and back; the first video was done
    assert timeless(resumed) == timeless(whole)
    run(outcome, tmp_path)
    assert corrected == ["two", "two"]
    run(outcome, tmp_path, dataclasses.replace(SETTINGS, strength_factor=1.5), items=1)
    assert corrected == ["two", "two", "one", "one"]  # other settings are another experiment


def test_words_of_two_captions_that_are_in_common_are_those_of_either():
    assert correct_halves._words_in_common("a dog runs", "a dog dog sleeps") == 2 / 4
    assert correct_halves._words_in_common("a dog", "a dog") == 1 and correct_halves._words_in_common("", "") == 0


def test_videos_can_be_halved_by_turns():
    clip = video("clip", "val", 0, frames=5)
    odd, even = correct_halves._halves([clip], alternating=True)["clip"]
    np.testing.assert_array_equal(odd.frames, clip.frames[[1, 3]])
    np.testing.assert_array_equal(even.frames, clip.frames[[0, 2, 4]])
    first, second = correct_halves._halves([clip], alternating=False)["clip"]
    np.testing.assert_array_equal(np.concatenate([first.frames, second.frames]), clip.frames)
    assert len(first.frames) == 2


def test_a_topic_that_no_strength_brings_in_is_passed_over_and_said(outcome, tmp_path):
    table, told, said = run(outcome, tmp_path, dataclasses.replace(SETTINGS, max_strength=0.0))
    assert told["figures"]["enhanced"] == 0 and told["figures"]["not_enhanced"] == 2 and told["together"] is None
    assert "No further word of topic 1 (man) enters the caption up to strength 0" in table
    assert sum("Passed over" in line for line in said) == 2


def test_the_command_writes_below_the_root_and_says_what_is_lacking(outcome, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_metadata, "newest", lambda root: dataclasses.replace(outcome, root=root))
    arguments = ["experiment", "corrections", "--root", str(tmp_path), "--set", "refinement.nearness=weights"]
    assert cli.main([*arguments, "--said-by", "1.1"]) == 1
    assert "No video of val has an inaccurate caption by the rule" in capsys.readouterr().err
    assert cli.main([*arguments, "--items", "1", "--set", "refinement.mu=[0.0001]"]) == 0
    assert "**1 of 1 second halves gain" in capsys.readouterr().out
    assert (tmp_path / "experiments" / "corrections" / "corrections.json").exists()
