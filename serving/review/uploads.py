"""Clips that people upload: sniffed, and decoded where they can do no harm."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from topiclens.serving.review.access import Person
from topiclens.serving.review.backend import Refused, ReviewBackend, ReviewError
from topiclens.serving.review.limits import PageLimits
from topiclens.serving.review.request_limits import Refusal
from topiclens.serving.review.shown import NewCaption, NewClip

CLIP_FIELD, KEEP_FIELD = "clip", "keep"
_DECODER = Path(__file__).with_name("decoder.py")
_LONGEST_LINE = 2**20
_LARGEST_PICTURE = 2**24
_CLOCK = 3  # a busy machine may take so many times the processor time that a clip may have


class UnreadableClip(ReviewError):
    """A clip that cannot be used; the sentence says why."""


@dataclass(frozen=True)
class SentClip:
    """A clip that a request brought; `name` is what a browser says of its file, and may be anything."""

    data: bytes
    name: str
    keep: bool  # so that it is reviewed like those of the dataset


@dataclass(frozen=True)
class DecodedClip:
    """The frames of a clip that were wanted, and when each is shown."""

    pictures: list[bytes]  # JPEG
    seconds: list[float]


async def sent(request: Request) -> SentClip:
    """The clip in the form that a request brings; Refusal where there is none."""
    try:
        form = await request.form(max_files=1, max_fields=4)
    except (ValueError, LookupError, AttributeError):
        raise Refusal(400, "This form cannot be read.") from None
    clip = form.get(CLIP_FIELD)
    if not isinstance(clip, UploadFile):
        raise Refusal(422, f"Expected a file in the field {CLIP_FIELD!r}.")
    return SentClip(await clip.read(), clip.filename or "", form.get(KEEP_FIELD) == "yes")


async def caption(request: Request, clip: SentClip, person: Person) -> NewCaption:
    state = request.app.state
    if state.uploads.locked():
        raise Refusal(503, "Other clips are being looked at. Try again in a few seconds.")
    async with state.uploads:
        return await run_in_threadpool(_caption, state.backend, clip, person, state.limits)


def _caption(backend: ReviewBackend, clip: SentClip, person: Person, limits: PageLimits) -> NewCaption:
    if not backend.accepts_clips():
        raise Refused("The served model takes features alone: it has no network that looks at pictures.")
    decoded = wanted_frames(clip.data, backend.frames_of_new_clip, limits)
    if not clip.keep:
        return backend.caption_new(decoded.pictures)
    content = hashlib.sha256(clip.data).hexdigest()
    return backend.keep_new(NewClip(clip.name, content, tuple(decoded.pictures), tuple(decoded.seconds)), person.name)


def wanted_frames(
    clip: bytes, choose: Callable[[int], Sequence[int]], limits: PageLimits = PageLimits()
) -> DecodedClip:
    """The frames of a clip that `choose` wants of so many; decoded in a process of bounded memory and time.

    UnreadableClip: it is no video that is read here, broken, or costs more than it may.
    """
    asked = {
        "bytes": len(clip), "memory": limits.decode_bytes, "seconds": limits.decode_seconds,
        "pixels": limits.max_pixels, "frames": limits.max_frames,
    }  # fmt: skip
    # No secrets of ours in its environment, no `serving` on its path, and nothing else of ours open.
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-P", str(_DECODER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    late = threading.Timer(_CLOCK * limits.decode_seconds, process.kill)
    late.start()
    try:
        return _conversation(process, clip, asked, choose)
    finally:
        late.cancel()
        process.kill()
        for pipe in filter(None, (process.stdin, process.stdout)):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        process.wait()


def _conversation(
    process: subprocess.Popen[bytes], clip: bytes, asked: dict[str, Any], choose: Callable[[int], Sequence[int]]
) -> DecodedClip:
    """See `serving.review.decoder`. What the other side says is read as from a stranger: the clip may have won it."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(asked).encode() + b"\n" + clip)
        process.stdin.flush()
        count = int(_answer(process)["frames"])
        wanted = [int(index) for index in choose(count)]
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        process.stdin.flush()
        answer = _answer(process)
        sizes, seconds = [int(size) for size in answer["sizes"]], [float(second) for second in answer["seconds"]]
        if not len(sizes) == len(seconds) == len(wanted) or not all(0 < size <= _LARGEST_PICTURE for size in sizes):
            raise ValueError("sizes")
        if not all(map(math.isfinite, seconds)):
            raise ValueError("seconds")
        pictures = [process.stdout.read(size) for size in sizes]
        if [len(picture) for picture in pictures] != sizes:
            raise ValueError("killed")
        return DecodedClip(pictures, seconds)
    except (BrokenPipeError, ValueError, KeyError, TypeError):
        raise UnreadableClip(
            "This clip could not be decoded within the time and the memory that a clip may take. Cut it, or re-encode "
            "it smaller."
        ) from None


def _answer(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    answer = json.loads(process.stdout.readline(_LONGEST_LINE))  # ValueError where it was killed
    if "error" in answer:
        raise UnreadableClip(f"This clip cannot be used. {str(answer['error'])[:300]}")
    return answer
