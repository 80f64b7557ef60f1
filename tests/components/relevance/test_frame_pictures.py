"""A page shows the very frames that features tell of, or says why it shows none."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.components.videos.conftest import write_clip
from topiclens.components.relevance.report import film_of, thumbnails
from topiclens.components.videos.reader import sample_frames, sample_video
from topiclens.components.videos.sampling import CENTRED, RANDOM_CLIP, Sampling


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return str(write_clip(tmp_path_factory.mktemp("film") / "clip.mp4", 12))


@pytest.mark.parametrize(
    "sampling", [Sampling(n_frames=4), Sampling(), Sampling(CENTRED, 4), Sampling(RANDOM_CLIP, 4, 2, seed=3)]
)
def test_the_frames_are_those_that_the_features_step_took(clip, sampling):
    time = min(12, sampling.n_frames)
    film = film_of({"video_id": "v7", "path": clip}, sampling, time)
    assert film.notes == () and len(film.pictures) == time
    assert film.seconds == sample_video(clip, sampling, "v7").seconds


def test_a_segment_shows_its_own_frames(clip):
    whole = sample_frames(clip, 12).seconds
    row = {"video_id": "v7", "path": clip, "start": whole[6], "end": whole[9]}
    assert film_of(row, Sampling(), 3).seconds == whole[6:9]


@pytest.mark.parametrize(
    ("row", "time", "said"),
    [
        ({"features": "v.npy"}, 5, "brought features"),
        ({"path": "nowhere.mp4"}, 5, "cannot be read"),
        ({}, 13, "gives 12 frames, and the stored features have 13"),
    ],
)
def test_what_cannot_be_shown_is_told_not_raised(clip, row, time, said):
    film = film_of({"video_id": "v7", **(row or {"path": clip})}, Sampling(), time)
    assert film.pictures == () and film.seconds is None
    assert said in film.notes[0]


def test_thumbnails_are_small_and_keep_their_shape():
    wide, small = np.full((300, 600, 3), 90, np.uint8), np.zeros((20, 10, 3), np.uint8)
    sizes = [Image.open(io.BytesIO(jpeg)).size for jpeg in thumbnails([wide, small])]
    assert sizes == [(288, 144), (10, 20)]
