"""What requests may cost the review page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PageLimits:
    """Bounds on what is taken in; whatever passes one is answered with a sentence."""

    connections: int = 200  # that are open at the same time; a browser opens up to six
    max_address_bytes: int = 8 * 2**10  # of a request's path and query
    max_body_bytes: int = 256 * 2**10  # of a request's body that brings no clip
    max_upload_bytes: int = 64 * 2**20  # of one that does
    body_seconds: float = 60.0  # for a body to arrive, besides a second for every 256 KiB that it may have
    page_size: int = 24  # how many rows a page shows
    uploads_at_once: int = 2  # how many clips are decoded at the same time
    decode_seconds: int = 20  # of processor time for one clip; it may take three times as long by the clock
    decode_bytes: int = 2 * 2**30  # of memory for one clip
    max_pixels: int = 3840 * 2160  # a frame of a clip may have
    max_frames: int = 20_000  # a clip may have
