"""The comparison of models over seeds."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.pipeline.experiments.test_comparison_tables import result
from topiclens.components.neurons import tensorboard
from topiclens.components.neurons.links import link
from topiclens.components.neurons.pdm import Tally
from topiclens.components.topics.table import Topic
from topiclens.pipeline.experiments import comparison
from topiclens.pipeline.presets import preset
from topiclens.pipeline.run_metadata import Outcome
from topiclens.trainer.checkpoints import CheckpointMismatch
from topiclens.trainer.settings import CaptionerSettings

RUN = Outcome("runs/flickr8k", {"Examples": "runs/flickr8k/artifacts/Examples/7"}, blessed=True)


def test_a_sweep_trains_every_weight_once_and_the_control_of_the_chosen_one():
    swept = comparison.variants(CaptionerSettings(topics="mlp", interpretive_weight=0.1), [0.03, 0.1, 1])
    assert [(v.interpretive_weight, v.shuffle_topics) for v in swept] == [
        (0, False), (0.1, False), (0.1, True), (0.03, False), (1, False),
    ]  # fmt: skip
    assert len({variant.folder for variant in swept}) == len({variant.name for variant in swept}) == 5


def test_topic_neurons_are_compared_with_the_papers_f_and_the_released_v():
    *own, papers, released = comparison.variants(CaptionerSettings(topics="neurons", interpretive_weight=1.0))
    assert [variant.topics for variant in own] == 3 * ["neurons"]
    assert (papers.topics, papers.interpretive_weight, papers.encoder) == ("mlp", 0.1, "bilstm")
    assert (released.topics, released.interpretive_weight) == ("mlp", 0.1) and released.encoder != papers.encoder
    assert len({variant.folder for variant in (*own, papers, released)}) == 5


def test_the_reduced_size_keeps_the_encoder_and_the_topics():
    whole, small = preset("flickr8k"), comparison.reduced(preset("flickr8k"), 6000)
    assert small.model.encoder_units == whole.model.encoder_units and small.topics == whole.topics
    assert small.model.decoder_units < whole.model.decoder_units


@pytest.mark.parametrize(
    "videos, captions, epochs", [(60_000, 2, 5), (6000, 2, 5), (3000, 2, 10), (1000, 5, 12), (627, 8, 12)]
)
def test_of_fewer_videos_more_captions_are_read_at_the_reduced_size(videos, captions, epochs):
    training = comparison.reduced(preset("flickr8k"), videos).training
    assert (training.max_captions_per_video, training.epochs) == (captions, epochs)


def left(place, figures, activation=1.0):
    """What a finished training leaves in its folder."""
    counted = Tally(*np.full((3, 1, 1), activation), np.array([2]))
    counted.save(place)
    link(counted, [Topic(0, "road", ("road",), None, 0.5)]).save(place)
    with open(os.path.join(place, "result.json"), "w") as file:
        json.dump(figures, file)


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    trained, interrupted = [], []

    def train(outcome, settings, variant, seed, place, jobs):
        if len(trained) == 4 and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        trained.append((variant.name, seed))
        left(place, result(0.5 + seed / 10))

    monkeypatch.setattr(comparison, "_train_and_study", train)
    arguments = dict(seeds=2, folder=str(tmp_path), progress=lambda line: None)
    with pytest.raises(KeyboardInterrupt):
        comparison.compare(RUN, preset("flickr8k"), **arguments)
    comparison.compare(RUN, preset("flickr8k"), **arguments)
    names = [variant.name for variant in comparison.variants(preset("flickr8k").model)]
    assert trained == [*((name, 0) for name in names), *((name, 1) for name in names)]
    assert "0.5500 ±" in (tmp_path / "comparison.md").read_text()

    os.remove(tmp_path / "neurons-1" / "seed-1" / "tally.npz")  # as an earlier version left it
    comparison.compare(RUN, preset("flickr8k"), **arguments)
    assert trained[10:] == [("LSTM-I", 1)]
    old = tmp_path / "neurons-0" / "seed-0" / "result.json"
    old.write_text(json.dumps({"auc": 0.5}))  # an earlier version knew fewer figures
    comparison.compare(RUN, preset("flickr8k"), **arguments)
    assert trained[11:] == [("LSTM-B", 0)] and len(json.loads(old.read_text())) > 1


def test_so_many_trainings_run_at_once_and_give_what_they_give_in_turn(tmp_path, monkeypatch):
    two = threading.Barrier(2, timeout=20)

    def train(outcome, settings, variant, seed, place, jobs):
        if jobs == 2:
            two.wait()  # breaks where one is alone
        left(place, result(0.5 + seed / 10 + variant.interpretive_weight / 100))

    monkeypatch.setattr(comparison, "_train_and_study", train)
    of = {
        jobs: comparison.compare(RUN, preset("flickr8k"), seeds=2, folder=str(tmp_path / str(jobs)), jobs=jobs)
        for jobs in (1, 2)
    }
    assert of[1] == of[2]


def test_after_a_failed_training_no_further_one_begins(tmp_path, monkeypatch):
    begun = []

    def train(outcome, settings, variant, seed, place, jobs):
        begun.append(variant.name)
        raise OSError("disk full")

    monkeypatch.setattr(comparison, "_train_and_study", train)
    with pytest.raises(OSError, match="disk full"):
        comparison.compare(RUN, preset("flickr8k"), seeds=5, folder=str(tmp_path))
    assert len(begun) <= 2


def test_figures_of_other_settings_are_not_taken_for_these(tmp_path, monkeypatch):
    def train(outcome, settings, variant, seed, place, jobs):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "_train_and_study", train)
    whole = preset("flickr8k")
    with pytest.raises(KeyboardInterrupt):
        comparison.compare(RUN, whole, seeds=1, folder=str(tmp_path))
    with pytest.raises(KeyboardInterrupt):  # another lambda has a folder of its own
        comparison.compare(RUN, whole.changed(["model.interpretive_weight=3"]), seeds=2, folder=str(tmp_path))
    with pytest.raises(CheckpointMismatch, match="training epochs was 12, is now 2"):
        comparison.compare(RUN, whole.changed(["training.epochs=2"]), seeds=1, folder=str(tmp_path))


def test_the_profiles_are_those_of_the_first_seed_lstm_i_above_lstm_b(tmp_path, monkeypatch):
    def train(outcome, settings, variant, seed, place, jobs):
        left(place, result(0.5), 1 + seed + 10 * variant.interpretive_weight)

    monkeypatch.setattr(comparison, "_train_and_study", train)
    drawn = {}

    def profiles(tallies, links, topics):
        drawn.update({name: float(tally.activations[0, 0]) for name, tally in tallies.items()}, topics=topics)
        return real(tallies, links, topics)

    real = tensorboard.plot_profiles
    monkeypatch.setattr(tensorboard, "plot_profiles", profiles)
    comparison.compare(RUN, preset("flickr8k"), seeds=2, folder=str(tmp_path), progress=lambda line: None)
    assert list(drawn.items()) == [("LSTM-I", 11), ("LSTM-B", 1), ("topics", [0])]
    assert (tmp_path / "profiles.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "logs" / "neurons").glob("events.*"))


def test_with_topic_seeds_every_seed_has_records_of_its_own(tmp_path, monkeypatch):
    asked = []

    def refitted(outcome, topics, seed, folder):
        return dataclasses.replace(outcome, artifacts={"Examples": f"topics of seed {seed}"})

    def train(outcome, settings, variant, seed, place, jobs):
        asked.append((seed, outcome.folder("Examples")))
        left(place, result(0.5))

    monkeypatch.setattr(comparison, "refitted", refitted)
    monkeypatch.setattr(comparison, "_train_and_study", train)
    arguments = dict(seeds=2, folder=str(tmp_path), progress=lambda line: None)
    comparison.compare(RUN, preset("flickr8k"), topic_seeds=True, **arguments)
    assert set(asked) == {(0, "topics of seed 0"), (1, "topics of seed 1")}
    with pytest.raises(CheckpointMismatch, match="topics"):  # results of one topic model are not mixed with these
        comparison.compare(RUN, preset("flickr8k"), **arguments)


def test_a_training_ends_with_the_process_that_asked_for_it(tmp_path):
    """Killed, a comparison leaves no training behind that goes on for minutes and takes the cores."""
    code = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from topiclens.pipeline.experiments import comparison

if __name__ == "__main__":
    process = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), comparison._begin_process, (1,))
    print(process.submit(os.getpid).result(), flush=True)
    process.submit(time.sleep, 600)
    time.sleep(600)
"""
    script = tmp_path / "parent.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        child = int(next(line for line in parent.stdout if line.strip().isdigit()))
        parent.kill()
        parent.wait()
    for _ in range(200):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True).stdout.strip()
        if state[:1] in ("", "Z"):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the training went on")
