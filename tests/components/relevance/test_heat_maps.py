"""Heat maps: each frame's relevance, put where its pixels are, on the frames that matter most."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.components.relevance.test_pixels import backbone, branching
from tests.trainer.numpy_captioner import tiny_captioner
from topiclens.components.relevance.heat_maps import CAPTION_FRAMES, CELLS, WORDS_SHOWN, _in_cells, heat_maps
from topiclens.components.relevance.pixels import PixelRelevance
from topiclens.components.relevance.reading import explain

TEXTS = ("a", "dog", "runs")


@pytest.fixture(scope="module")
def clip():
    """(frames, relevance of three words, the network): a clip of six frames."""
    network = backbone(branching, bias=0.3)
    frames = np.random.default_rng(0).integers(0, 255, (6, 30, 40, 3), np.uint8)
    return frames, explain(tiny_captioner(feature_dim=network.dim), network(frames).numpy(), [4, 5, 6]), network


def test_cells_add_up_to_the_frames_relevance(clip):
    frames, relevance, network = clip
    maps, _ = heat_maps(frames, TEXTS, relevance, PixelRelevance(network))
    for heat in maps:
        of_frames = relevance.frames.sum(axis=0) if heat.word is None else relevance.frames[heat.word]
        assert np.shape(heat.cells) == (network.image_size, network.image_size), "a cell a pixel of so small a picture"
        assert np.sum(heat.cells) == pytest.approx(of_frames[heat.frame], rel=1e-3, abs=1e-3)


def test_the_caption_has_its_most_relevant_frames_and_each_word_with_a_meaning_its_own(clip):
    frames, relevance, network = clip
    maps, _ = heat_maps(frames, TEXTS, relevance, PixelRelevance(network))
    whole = np.argsort(-relevance.frames.sum(axis=0))[:CAPTION_FRAMES].tolist()
    expected = [(None, frame) for frame in whole] + [(place, relevance.frames[place].argmax()) for place in (1, 2)]
    assert [(heat.word, heat.frame) for heat in maps] == expected


def test_a_long_caption_has_no_more_maps_than_fit(clip):
    frames, _, network = clip
    words = [4 + place % 4 for place in range(20)]
    long = explain(tiny_captioner(feature_dim=network.dim), network(frames).numpy(), words)
    maps, pictures = heat_maps(frames, [f"word{place}" for place in range(20)], long, PixelRelevance(network))
    assert len(maps) == len(pictures) == CAPTION_FRAMES + WORDS_SHOWN
    assert sum(map(len, pictures)) < 20_000 * len(pictures)


def test_a_picture_is_red_where_its_cells_speak_for_the_word_and_blue_where_against(clip):
    frames, relevance, network = clip
    maps, pictures = heat_maps(frames, TEXTS, relevance, PixelRelevance(network))
    for heat, picture in zip(maps, pictures):
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), np.float32)
        row, column = np.unravel_index(np.abs(heat.cells).argmax(), np.shape(heat.cells))
        side = len(pixels) // len(heat.cells)
        red, _, blue = pixels[row * side : (row + 1) * side, column * side : (column + 1) * side].mean(axis=(0, 1))
        assert (red > blue) == (heat.cells[row][column] > 0)


def test_cells_of_a_large_picture_divide_it():
    values = np.random.default_rng(0).normal(size=(224, 224))
    cells = _in_cells(values)
    assert cells.shape == (CELLS, CELLS) and cells[0, 1] == pytest.approx(values[:16, 16:32].sum())
    assert _in_cells(np.ones((299, 299))).sum() == 299**2


def test_the_frames_of_another_clip_are_refused(clip):
    frames, relevance, network = clip
    with pytest.raises(ValueError, match="5 frames, and relevance of 6"):
        heat_maps(frames[:5], TEXTS, relevance, PixelRelevance(network))
