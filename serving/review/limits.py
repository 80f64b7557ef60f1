"""What requests may cost the review page."""

from __future__ import annotations

from dataclasses import asdict, dataclass


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


@dataclass(frozen=True)
class ReviewSettings:
    """What requests to the review page may cost. For frames and pixels of an uploaded clip, `limits.*` hold.

    Args:
        connections: connections that are open at the same time; a browser opens up to six. More are told to try again.
        max_upload_bytes: the largest clip that may be uploaded.
        decode_seconds: processor time for one uploaded clip; it may take three times as long by the clock.
    """

    connections: int = PageLimits.connections
    max_upload_bytes: int = PageLimits.max_upload_bytes
    decode_seconds: int = PageLimits.decode_seconds

    def __post_init__(self) -> None:
        for name, most in asdict(self).items():
            if not most > 0:
                raise ValueError(f"review.{name} is {most!r}; expected more than 0, or nobody can use the page.")

    def page_limits(self, max_pixels: int, max_frames: int) -> PageLimits:
        """With what one clip may cost."""
        return PageLimits(**asdict(self), max_pixels=max_pixels, max_frames=max_frames)
