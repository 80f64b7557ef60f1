"""Draws the sample on one page: the middle frame of every segment above its first caption.

`python -m topiclens.pipeline.sample.contact_sheet` draws it anew after the manifest has changed. Only clips whose
licence is stated are shown, since the page is meant to be passed on.
"""

import argparse
import os
import pathlib
import textwrap

import av
from PIL import Image, ImageDraw, ImageFont, ImageOps

from topiclens.components.common.downloads import DEFAULT_CACHE
from topiclens.pipeline.sample.fetch import materialise, segments, wheels
from topiclens.schemas.files import replacing

SHEET = pathlib.Path("docs", "images", "contact_sheet.jpg")  # run from a checkout
_COLUMNS = 8
_FRAME = (160, 90)  # pixels, width and height
_CAPTION_HEIGHT = 28  # pixels, two lines
_GAP = 6  # pixels
_INK = {"train": "black", "val": "darkgreen", "test": "darkblue"}


def contact_sheet(folder: str | os.PathLike, picture: str | os.PathLike = SHEET) -> pathlib.Path:
    """Writes the page as a JPEG file and returns its path; `folder` is where `fetch.materialise` put the clips."""
    shown = {clip.path for wheel in wheels() for clip in wheel.clips if clip.licence_is_stated}
    rows = [row for row in segments() if row["path"] in shown]
    width, height = _FRAME[0] + _GAP, _FRAME[1] + _CAPTION_HEIGHT + _GAP
    sheet = Image.new("RGB", (_COLUMNS * width + _GAP, -(-len(rows) // _COLUMNS) * height + _GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=10)
    for place, row in enumerate(rows):
        left, top = _GAP + place % _COLUMNS * width, _GAP + place // _COLUMNS * height
        frame = frame_at(pathlib.Path(folder) / row["path"], (row["start"] + row["end"]) / 2)
        sheet.paste(ImageOps.fit(frame, _FRAME), (left, top))
        caption = "\n".join(textwrap.wrap(row["captions"][0], 30))
        draw.multiline_text((left, top + _FRAME[1]), caption, fill=_INK[row["split"]], font=font, spacing=1)
    with replacing(picture) as aside:
        sheet.save(aside, "JPEG", quality=62, optimize=True)
    return pathlib.Path(picture)


def frame_at(video: pathlib.Path, seconds: float) -> Image.Image:
    """The first frame at or after `seconds` after the first one, or the last of all; decoded from the start."""
    with av.open(os.fspath(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        first = None
        for frame in container.decode(stream):
            first = frame.time if first is None else first
            if frame.time - first >= seconds:
                break
        return frame.to_image()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".cache/sample", help="dataset folder; made if need be")
    parser.add_argument("--cache", default=DEFAULT_CACHE, help="where the wheels are kept")
    given = parser.parse_args()
    materialise(given.folder, given.cache)
    print(contact_sheet(given.folder))


if __name__ == "__main__":
    main()
