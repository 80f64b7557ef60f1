"""The trainer as TFX calls it."""

import os
import re
import types

import keras
import numpy as np
import pytest

from tests.trainer import toy_clips
from topiclens.components.training.run_fn import run_fn
from topiclens.components.training.settings import TrainerConfig
from topiclens.components.videos.sampling import Sampling
from topiclens.schemas.files import write_json
from topiclens.schemas.plain import to_json
from topiclens.trainer.captioner import Captioner
from topiclens.trainer.export import export, load_captioner
from topiclens.trainer.settings import CaptionerSettings, DecodingSettings, TrainingConfig


def fn_args(folder, **changes):
    """What TFX's Trainer hands over, as far as run_fn reads it."""
    files = toy_clips.write(folder)
    write_json(folder / "topic_words.json", toy_clips.topic_words())
    sizes = {
        "topics": "neurons",
        "encoder_units": 8,
        "attention_units": 8,
        "decoder_units": 16,
        "embedding_units": 8,
        "topic_units": 8,
    }
    config = TrainerConfig(
        model=CaptionerSettings(**sizes),
        training=TrainingConfig(**{**toy_clips.SETTINGS, "epochs": 1, "histogram_every": 0}),
        decoding=DecodingSettings(beam=2, max_words=3),
        backbone=None,
        weights=None,
        sampling=Sampling(n_frames=toy_clips.FRAMES),
        work_dir=str(folder / "training"),
        cache_dir=None,
    )
    arguments = dict(
        train_files=[files["train_files"]],
        eval_files=[os.path.join(folder, "v*.gz")],
        transform_graph_path=str(folder),
        base_model=None,
        serving_model_dir=str(folder / "model" / "Format-Serving"),
        model_run_dir=str(folder / "model_run"),
        custom_config={"config_json": to_json(config)},
    )
    return types.SimpleNamespace(**(arguments | changes))


def test_it_trains_from_a_base_model_exports_and_hands_over_the_logs(tmp_path):
    vocabulary = toy_clips.vocabulary()
    vocabulary.save(tmp_path / "vocabulary.txt")
    keras.utils.set_random_seed(5)
    base = Captioner(toy_clips.model(), name="captioner")
    # A pushed version is the export itself; TFX looks for it in a folder within.
    export(base, vocabulary, tmp_path / "base", features={"backbone": None})
    arguments = fn_args(tmp_path, base_model=str(tmp_path / "base" / "Format-Serving"))
    run_fn(arguments)

    captioner, words, meta = load_captioner(arguments.serving_model_dir)
    assert words == vocabulary and captioner.topic_perceptron.n_topics == toy_clips.N_TOPICS
    assert meta["decoding"]["beam"] == 2
    naming = captioner.decoder.naming.numpy()
    np.testing.assert_array_equal(naming[4:], np.eye(toy_clips.N_TOPICS), "the words that the topics were found by")
    assert meta["training"]["best_epoch"] == 1 and "val_CIDEr" in meta["training"]["figures"]
    assert 0 < meta["training"]["figures"]["neurons_named"] <= 16, "by prediction differences: twice 8 units"
    assert os.path.exists(os.path.join(arguments.serving_model_dir, "saved_model.pb"))
    run, logged = sorted(os.listdir(tmp_path / "training"), key=len)
    assert re.fullmatch("[0-9a-f]{12}", run) and not (tmp_path / "training" / run / "logs").exists()
    assert re.fullmatch(r"LSTM-I seed \d+ · \d{4}-\d\d-\d\d \d\d:\d\d UTC", logged), "what TensorBoard lists"
    logs = os.listdir(tmp_path / "training" / logged)
    assert logs and os.listdir(arguments.model_run_dir) == logs


@pytest.mark.parametrize(
    "custom_config, message",
    [
        (None, "expected a dict with the key 'config_json'"),
        ({"config_json": '{"model": {}, "training": {}}'}, "the Trainer lacks decoding, backbone"),
    ],
)
def test_a_configuration_that_is_not_there_is_named(tmp_path, custom_config, message):
    with pytest.raises(ValueError, match=message):
        run_fn(fn_args(tmp_path, custom_config=custom_config))


def test_a_base_model_that_is_none_is_named(tmp_path):
    toy_clips.vocabulary().save(tmp_path / "vocabulary.txt")
    with pytest.raises(ValueError, match="holds no assets.extra"):
        run_fn(fn_args(tmp_path, base_model=str(tmp_path / "nothing")))
