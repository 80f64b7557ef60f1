"""What requests may cost the review page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PageLimits:
    """Bounds on what is taken in; whatever passes one is answered with a sentence.

    Attributes:
        connections: that are open at the same time; a browser opens up to six.
        max_address_bytes: of a request's path and query.
        max_body_bytes: of a request's body that brings no clip.
        max_upload_bytes: of one that does.
        body_seconds: how long a body may take to arrive, besides a second for every 256 KiB that it may have.
        page_size: how many rows a page shows.
        uploads_at_once: how many clips are decoded at the same time.
        decode_seconds: of processor time for one clip; it may take three times as long by the clock.
        decode_bytes: of memory for one clip.
        max_pixels: a frame of a clip may have.
        max_frames: a clip may have.
    """

    connections: int = 200
    max_address_bytes: int = 8 * 2**10
    max_body_bytes: int = 256 * 2**10
    max_upload_bytes: int = 64 * 2**20
    body_seconds: float = 60.0
    page_size: int = 24
    uploads_at_once: int = 2
    decode_seconds: int = 20
    decode_bytes: int = 2 * 2**30
    max_pixels: int = 3840 * 2160
    max_frames: int = 20_000
