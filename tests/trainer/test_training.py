"""Training from records to the best epoch, killed and resumed."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.trainer import toy_clips
from topiclens.trainer.checkpoints import CheckpointMismatch
from topiclens.trainer.settings import TrainingConfig
from topiclens.trainer.training import train


def weights(result):
    return [(variable.path, np.asarray(variable)) for variable in result.captioner.variables]


def events(log_dir) -> EventAccumulator:
    accumulator = EventAccumulator(log_dir, size_guidance=dict.fromkeys(("tensors", "scalars", "histograms"), 0))
    accumulator.Reload()
    return accumulator


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nothing interrupts, and what it said."""
    said = []
    folder = tmp_path_factory.mktemp("whole")
    return folder, toy_clips.train(folder, progress=said.append), said


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """The same training, killed by signal 9 in its third epoch and called again: what lay there between, the result."""
    folder = tmp_path_factory.mktemp("resumed")
    killed = subprocess.run(
        [sys.executable, "-m", "tests.trainer.toy_clips", folder, "epoch 3/4: 67%"], capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    said = []
    return toy_clips.train(folder, progress=said.append, histogram_every=0), said


def test_the_captions_learn_to_fit_the_videos(whole):
    _, result, _ = whole
    first, last = result.history[0], result.history[-1]
    assert last["val_caption_loss"] < 0.7 * first["val_caption_loss"]
    assert last["val_interpretive_loss"] < first["val_interpretive_loss"]
    assert last["val_CIDEr"] > first["val_CIDEr"]
    assert result.best_score == max(epoch["val_CIDEr"] for epoch in result.history)
    assert result.finished == "all 4 epochs are done"


def test_the_result_has_the_weights_of_the_best_epoch(whole):
    _, result, _ = whole
    from topiclens.trainer.validation import CaptionWriter

    write = CaptionWriter(result.captioner, toy_clips.vocabulary())
    clips = toy_clips.clips(9, "val", seed=9)
    frames = np.zeros((9, toy_clips.FRAMES, toy_clips.DIM), np.float32)
    for row, clip in zip(frames, clips):
        row[: len(clip.frames)] = clip.frames
    captions = write([([clip.video_id for clip in clips], frames)])
    score = toy_clips.score({clip.video_id: list(clip.captions) for clip in clips}, captions)["CIDEr"]
    assert score == pytest.approx(result.history[result.best_epoch - 1]["val_CIDEr"])
    assert score == pytest.approx(result.best_score)


def test_a_killed_training_ends_as_an_uninterrupted_one(whole, resumed):
    _, expected, _ = whole
    result, said = resumed
    assert said[0].startswith("Going on after epoch 2 of 4")
    assert result.epochs_run == 2
    for (path, value), (_, reference) in zip(weights(result), weights(expected), strict=True):
        # Not to the bit: threads add in another order from run to run, and Adam magnifies the smallest gradients.
        np.testing.assert_allclose(value, reference, rtol=1e-4, atol=2e-5, err_msg=path)
    for epoch, reference in zip(result.history, expected.history, strict=True):
        assert epoch["caption_loss"] == pytest.approx(reference["caption_loss"], rel=1e-4)
        assert epoch["val_CIDEr"] == pytest.approx(reference["val_CIDEr"])
    assert (result.best_epoch, result.finished) == (expected.best_epoch, expected.finished)


def test_the_logs_of_a_resumed_training_have_every_epoch_once(resumed):
    result, _ = resumed
    logs = events(result.log_dir)
    for tag in ("train/caption_loss", "train/interpretive_loss", "val/CIDEr", "training/captions_per_second"):
        assert [event.step for event in logs.Tensors(tag)] == [1, 2, 3, 4], tag
    assert [event.step for event in logs.Tensors("neurons/keep_topic")] == [2, 3, 4]
    assert [event.step for event in logs.Tensors("neurons/profiles")] == [1, 2, 3, 4]


def test_the_logs_show_losses_histograms_captions_and_the_graph(whole):
    _, result, _ = whole
    logs = events(result.log_dir)
    tags = set(logs.Tags()["tensors"])
    assert {"val/caption_loss", "val/interpretive_loss", "training/input_wait_share", "training/learning_rate"} <= tags
    assert {"activations/v", "activations/mean_v", "activations/topic_scores", "captions"} <= tags
    assert any(tag.startswith("weights/") and "encoder" in tag for tag in tags)
    assert {"neurons/named", "neurons/keep_topic", "neurons/topics_with_neuron"} <= tags
    assert {"frames", "words", "log_prob"} <= {node.name for node in logs.Graph().node}
    shown = logs.Tensors("captions")[-1].tensor_proto.string_val[0].decode()
    assert "val00" in shown and toy_clips.clips(9, "val", seed=9)[0].captions[0] in shown


def test_a_finished_training_does_nothing_again(whole):
    folder, result, _ = whole
    before = {path: path.stat().st_mtime_ns for path in (folder / "work").rglob("*")}
    again = toy_clips.train(folder, histogram_every=2)  # which changes no weight
    assert again.epochs_run == 0
    assert again.history == result.history
    assert {path: path.stat().st_mtime_ns for path in (folder / "work").rglob("*")} == before
    for (path, value), (_, reference) in zip(weights(again), weights(result), strict=True):
        np.testing.assert_array_equal(value, reference, err_msg=path)


def test_progress_says_rate_and_time_left(whole):
    _, _, said = whole
    epochs = [line for line in said if line.startswith("epoch ")]
    within = [line for line in epochs if line.startswith("epoch 2/4: ") and "%," in line and " left, " in line]
    assert within and all("captions/s" in line and "in all" in line for line in within)
    ends = [line for line in epochs if "CIDEr" in line]
    assert len(ends) == 4 and "val " in ends[0] and "left" in ends[0] and "left" not in ends[-1]
    assert max(map(len, epochs)) <= 80


def test_the_neurons_of_a_captioner_that_learns_no_topics_are_not_named(tmp_path):
    result = toy_clips.train(tmp_path, model=toy_clips.model(interpretive_weight=0.0), epochs=1, histogram_every=0)
    assert result.history and not any(name.startswith("neurons") for name in result.history[0])


def test_another_training_in_the_same_folder_is_refused_and_says_what_differs(whole):
    folder, _, _ = whole
    with pytest.raises(CheckpointMismatch, match="training learning_rate was 0.02, is now 0.01"):
        toy_clips.train(folder, learning_rate=0.01)
    with pytest.raises(CheckpointMismatch, match="model decoder_units was 16, is now 12"):
        toy_clips.train(folder, model=toy_clips.model(decoder_units=12))


def test_contradictions_are_named_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match="The model is for 99 words, but the vocabulary has 10"):
        toy_clips.train(tmp_path, model=toy_clips.model(vocabulary_size=99))
    with pytest.raises(ValueError, match="no `score_captions`"):
        train(
            **toy_clips.write(tmp_path),
            vocabulary=toy_clips.vocabulary(),
            model=toy_clips.model(),
            training=TrainingConfig(**toy_clips.SETTINGS),
            work_dir=tmp_path / "work",
        )
    assert not (tmp_path / "work" / "last.npz").exists()
