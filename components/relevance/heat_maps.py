"""Which parts of the pictures speak for a caption and for each of its words: heat maps on its most relevant frames."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from topiclens.components.relevance.pixels import PixelRelevance
from topiclens.components.relevance.reading import WordRelevance
from topiclens.components.topics.documents import stop_words
from topiclens.schemas.timelines import HeatMap

CAPTION_FRAMES = 4  # shown for the caption as a whole
WORDS_SHOWN = 12  # each on its most relevant frame
CELLS = 14  # of a side of a map
_SIDE = 168  # pixels of the picture
_FOR, _AGAINST = np.array([(194, 65, 45), (43, 104, 176)], np.float32)  # colours
_STRONGEST = 0.8  # opacity
_QUALITY = 80


def heat_maps(
    frames: Sequence[np.ndarray], texts: Sequence[str], relevance: WordRelevance, pixels: PixelRelevance
) -> tuple[list[HeatMap], list[bytes]]:
    """Heat maps of a clip: for the whole caption on the frames that speak most for it, and for each word that has a
    meaning on the frame that speaks most for it.

    Args:
        frames: of the clip, (height, width, 3) uint8 RGB each.
        texts: the caption's words.
        pixels: of the backbone that made the clip's features.
    Returns:
        The maps, and a picture of each as JPEG: the square that the backbone looks at, red where it speaks for the word
        and blue where it speaks against it.
    Raises:
        ValueError: the relevance is of another clip.
    """
    if len(frames) != relevance.frames.shape[1]:
        raise ValueError(f"There are {len(frames)} frames, and relevance of {relevance.frames.shape[1]}.")
    whole = relevance.frames.sum(axis=0)
    chosen: list[tuple[int | None, int]] = [(None, int(frame)) for frame in np.argsort(-whole)[:CAPTION_FRAMES]]
    telling = [place for place, text in enumerate(texts) if text not in stop_words()] or range(len(texts))
    chosen += [(place, int(np.argmax(relevance.frames[place]))) for place in telling[:WORDS_SHOWN]]
    together = relevance.features.sum(axis=0)
    rows = [together[frame] if word is None else relevance.features[word, frame] for word, frame in chosen]
    shown = np.stack([frames[frame] for _, frame in chosen])
    cells = [_in_cells(one) for one in pixels(shown, np.stack(rows)).sum(axis=-1)]
    squares = pixels.backbone.prepare(shown).numpy()
    maps = [
        HeatMap(word, frame, tuple(tuple(round(float(value), 6) for value in row) for row in one))
        for (word, frame), one in zip(chosen, cells)
    ]
    return maps, [_picture(square, one) for square, one in zip(squares, cells)]


def _in_cells(values: np.ndarray) -> np.ndarray:
    """The sums (CELLS, CELLS) over the cells of (side, side); a picture of fewer pixels has a cell for each."""
    starts = np.linspace(0, len(values), min(CELLS, len(values)) + 1)[:-1].round().astype(int)
    return np.add.reduceat(np.add.reduceat(values, starts, axis=0), starts, axis=1)


def _picture(square: np.ndarray, cells: np.ndarray) -> bytes:
    size = _SIDE, _SIDE
    strength = cells / (np.abs(cells).max() or 1.0)
    strength = np.asarray(Image.fromarray(strength.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
    grey = np.asarray(Image.fromarray(square).resize(size).convert("L").convert("RGB"), np.float32)
    opacity = _STRONGEST * np.clip(np.abs(strength), 0, 1)[:, :, None]
    colours = np.where(strength[:, :, None] >= 0, _FOR, _AGAINST)
    buffer = io.BytesIO()
    mixed = (1 - opacity) * grey + opacity * colours
    Image.fromarray(mixed.round().astype(np.uint8)).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
