"""The captioner in this process: the client's calls and answers, without a server."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.serving.toy_model import DIM
from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.serving.captioner import LocalCaptioner
from topiclens.serving.client import CaptionClient
from topiclens.serving.errors import InvalidClip, ModelNotLoaded, WrongSignature


@pytest.fixture(scope="module")
def captioner(toy_versions):
    with LocalCaptioner(toy_versions[1]) as captioner:
        yield captioner


def test_it_answers_as_the_server_does(captioner, server):
    random = np.random.default_rng(1)
    clips = [random.uniform(size=(length, DIM)).astype(np.float32) for length in (1, 5, 30)]
    videos = [encode_frames(random.integers(0, 255, (length, 8, 9, 3), np.uint8)) for length in (2, 3)]
    with CaptionClient(server.grpc_address) as client:
        assert captioner.caption_all(clips) == client.caption_all(clips)
        assert captioner.caption_all(videos) == client.caption_all(videos)


def test_a_base_folder_means_its_largest_version(base):
    base.publish(1)
    base.publish(2)
    with LocalCaptioner(base.path) as captioner:
        assert captioner.directory.name == "2"
        assert captioner.caption_all([np.ones((3, DIM), np.float32)])[0].text == "v2: 3 frames"


def test_a_folder_without_a_model_is_explained(tmp_path):
    with pytest.raises(ModelNotLoaded, match="saved_model.pb.*no such folder"):
        LocalCaptioner(tmp_path / "nowhere")
    with pytest.raises(ModelNotLoaded, match="neither"):
        LocalCaptioner(tmp_path)


def test_a_model_cut_short_is_explained(tmp_path, toy_versions):
    shutil.copytree(toy_versions[1], tmp_path / "cut")
    next((tmp_path / "cut" / "variables").glob("*.data*")).write_bytes(b"")
    with pytest.raises(ModelNotLoaded, match="cut short"):
        LocalCaptioner(tmp_path / "cut")


def test_wrong_requests_are_refused_as_by_the_client(captioner):
    with pytest.raises(InvalidClip, match=rf"\(\?, \?, {DIM}\).*another backbone"):
        captioner.caption_all([np.ones((3, DIM + 1), np.float32)])
    with pytest.raises(WrongSignature, match="'explain'.*'serving_default'"):
        captioner.predict("explain", {})
    with pytest.raises(InvalidClip, match="not a readable JPEG"):
        captioner.caption_all([[encode_frames([np.zeros((9, 9, 3), np.uint8)])[0][:30]]])


def test_the_way_to_a_caption_imports_neither_tfx_nor_beam_nor_keras():
    code = (
        "import sys, topiclens.serving.captioner, topiclens.serving.client, topiclens.serving.videos; "
        "light = 'tensorflow' not in sys.modules; "
        "import topiclens.serving.transports.rest_transport, topiclens.serving.transports.grpc_transport; "
        "print(light, 'tensorflow' in sys.modules, {'tfx', 'apache_beam', 'keras'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["True", "False", "set()"]
