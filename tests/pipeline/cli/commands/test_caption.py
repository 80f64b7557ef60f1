"""Which frames of a clip reach the model, whoever asks: the clips here show the numbers of their frames."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.components.videos.conftest import number_shown, write_clip
from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline.cli import checks, report
from topiclens.pipeline.cli import main as cli
from topiclens.pipeline.cli.commands import caption as command
from topiclens.pipeline.cli.commands.caption import parse_strengths
from topiclens.serving.answers import Caption, WhatIf
from topiclens.serving.captioning import Captioning
from topiclens.trainer.exported import EXTRA, FORMAT, JSON_FILE

TOTAL = 60


class Recorder(Captioning):
    """In place of a captioner: says which frames it was shown."""

    signatures, predict = {}, None

    def caption_all(self, clips):
        return [Caption(" ".join(map(str, map(self._number, clip))), 0.0) for clip in clips]

    def what_if_all(self, clips, topic_deltas):
        return [
            WhatIf(f"{caption.text} {' '.join(f'{delta:g}' for delta in deltas.flat)}", 0.0, deltas)
            for caption, deltas in zip(self.caption_all(clips), topic_deltas, strict=True)
        ]

    def n_topics(self):
        return 3

    def _number(self, jpeg):
        return number_shown(np.asarray(Image.open(io.BytesIO(jpeg))))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> str:
    return str(write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", TOTAL, options={"bf": "3", "g": "12"}))


@pytest.fixture
def model(tmp_path):
    """Makes the folder of a model that tells how its training clips were sampled."""

    def model(**features):
        folder = tmp_path / "model"
        (folder / EXTRA).mkdir(parents=True, exist_ok=True)
        (folder / "saved_model.pb").touch()
        (folder / EXTRA / JSON_FILE).write_text(
            json.dumps({"format": FORMAT, "features": features, "model": {"n_topics": 3}})
        )
        return str(folder)

    return model


@pytest.fixture(autouse=True)
def recorder(monkeypatch):
    monkeypatch.setattr(command, "_open", lambda *opened: Recorder(topics=opened[-1]))
    monkeypatch.setattr(checks, "check_server", lambda address: None)


def caption(capsys, clip, *arguments) -> tuple[int, ...]:
    """The numbers of the frames that `topiclens caption` shows the model."""
    assert cli.main(["caption", clip, *arguments]) == 0
    return tuple(map(int, capsys.readouterr().out.split()))


@pytest.mark.parametrize(
    "trained",
    [
        Sampling("equal", 7), Sampling("centred", 7), Sampling("step", 7, step=4),
        Sampling("random_clip", 7, step=4), Sampling("random_clip", 7, step=4, seed=1),
    ],
    ids=str,
)  # fmt: skip
def test_a_clip_is_sampled_as_the_model_was_trained(trained, clip, model, capsys):
    shown = caption(capsys, clip, "--model", model(**trained.to_json()))
    assert shown == trained.indices(TOTAL, "clip")


def test_a_model_that_tells_no_policy_was_trained_on_equal_spacing(clip, model, capsys):
    assert caption(capsys, clip, "--model", model(n_frames=5, dim=3)) == (0, 12, 24, 36, 48)


def test_what_is_asked_for_goes_before_what_the_model_was_trained_on(clip, model, capsys):
    folder = model(**Sampling("centred", 6).to_json())
    assert caption(capsys, clip, "--model", folder, "--frames", "3") == (10, 30, 50)
    assert caption(capsys, clip, "--model", folder, "--sampling", "equal") == (0, 10, 20, 30, 40, 50)
    middle = Sampling("step", 6, step=5).indices(TOTAL, "clip")
    assert caption(capsys, clip, "--model", folder, "--sampling", "step", "--step", "5") == middle


def test_a_server_that_tells_its_sampling_is_shown_clips_so(clip, monkeypatch, capsys):
    trained = Sampling("step", 7, step=4)
    monkeypatch.setattr(Recorder, "about", lambda self: {"features": trained.to_json()})
    server = "--server", "grpc://127.0.0.1:1"
    assert caption(capsys, clip, *server) == trained.indices(TOTAL, "clip")
    assert caption(capsys, clip, *server, "--sampling", "equal", "--frames", "2") == (0, 30)


def test_a_server_is_shown_what_the_default_settings_say_or_what_is_asked_for(clip, capsys):
    server = "--server", "grpc://127.0.0.1:1"
    assert caption(capsys, clip, *server) == Sampling().indices(TOTAL, "clip")
    assert caption(capsys, clip, *server, "--sampling", "centred", "--frames", "2") == (15, 45)


def test_supposed_topics_reach_the_model_by_their_ids_with_every_clip(clip, model, capsys):
    asked = "--frames", "2", "--with", "2", "--with", "0=-1.5"
    assert cli.main(["caption", clip, "--model", model(n_frames=5), *asked]) == 0
    assert cli.main(["caption", clip, "--server", "grpc://127.0.0.1:1", *asked]) == 0
    assert capsys.readouterr().out == "0 30 -1.5 0 1\n" * 2


def test_a_stretch_reaches_the_model_as_strengths_of_its_frames(clip, model, capsys):
    asked = ["caption", clip, "--model", model(n_frames=5), "--frames", "4", "--with", "1=2"]
    # Sixty frames, ten a second: those shown are at 0, 1.5, 3 and 4.5 s.
    assert cli.main([*asked, "--from", "1.5", "--to", "3.2"]) == 0
    assert capsys.readouterr().out == "0 15 30 45 0 0 0 0 2 0 0 2 0 0 0 0\n"


@pytest.mark.parametrize(
    ("stretch", "words"),
    [
        (["--from", "7", "--to", "9"], "from 0.00 s to 4.50 s, got 7 s to 9 s"),
        (["--from", "2", "--to", "2.5"], "between those at 1.50 s and 3.00 s"),
        (["--from", "3", "--to", "1"], "the earlier second first"),
        (["--from", "3"], "both ends"),
    ],
)
def test_a_stretch_that_the_clip_does_not_have_is_refused(stretch, words, clip, model, capsys):
    assert cli.main(["caption", clip, "--model", model(), "--frames", "4", "--with", "1", *stretch]) == 1
    assert words in capsys.readouterr().err


def test_a_stretch_without_a_topic_is_refused(clip, model, capsys):
    assert cli.main(["caption", clip, "--model", model(), "--from", "1", "--to", "2"]) == 1
    assert "go with --with" in capsys.readouterr().err


def test_a_servers_topics_are_named_by_the_run_that_is_said_to_be_its_own(clip, model, tmp_path, capsys):
    topics = [TopicLink(i, name, (), None, 1, ()) for i, name in enumerate(("dance", "dog", "snow"))]
    version = tmp_path / "root" / "serving" / "topiclens" / "1"
    TopicLinks(tuple(topics), 4).save(version / EXTRA)
    (version / "saved_model.pb").touch()
    asked = ["caption", clip, "--server", "grpc://127.0.0.1:1", "--frames", "1", "--with", "snow=3"]
    assert cli.main([*asked, "--root", str(tmp_path / "root")]) == 0
    assert capsys.readouterr().out == "0 0 0 3\n"
    assert cli.main(asked) == 1
    assert "no topic 'snow'" in capsys.readouterr().err


def test_a_model_without_names_takes_ids_alone(clip, model, capsys):
    asked = ["caption", clip, "--model", model(n_frames=1), "--with"]
    assert cli.main([*asked, "1"]) == 0 and cli.main([*asked, "dance"]) == 1
    said = capsys.readouterr()
    assert said.out == "0 0 1 0\n" and "does not bring the names of its topics" in said.err


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        (["dance"], {"dance": 1.0}),
        (["dance=2.5", "17=-1"], {"dance": 2.5, "17": -1.0}),
        (["dance, girl = 3"], {"dance, girl": 3.0}),
        (["dance", "dance=0.5"], {"dance": 1.5}),
    ],
)
def test_a_topic_and_how_strongly(texts, meant):
    assert parse_strengths(texts) == meant


@pytest.mark.parametrize("text", ["", "=2", "dance=", "dance=very", "dance=1=2"])
def test_what_cannot_be_read_is_said_again_with_an_example(text):
    with pytest.raises(checks.InputError, match="TOPIC=STRENGTH, such as dance or dance=2, not"):
        parse_strengths([text])


def test_held_out_videos_are_sampled_by_their_ids(clip):
    sampling = Sampling("random_clip", n_frames=3, seed=1)
    said = report._ask(Recorder(), {"video_id": "a video", "path": clip, "start": 1.0}, {}, sampling)
    assert sampling.indices(TOTAL - 10, "a video") != sampling.indices(TOTAL - 10, "clip")
    assert [int(number) - 10 for number in said.split()] == list(sampling.indices(TOTAL - 10, "a video"))
