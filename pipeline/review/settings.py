"""What requests to the review page may cost."""

from __future__ import annotations

import dataclasses

from topiclens.components.videos.decoding import DecodingLimits
from topiclens.serving.review.limits import PageLimits


@dataclasses.dataclass(frozen=True)
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
        for name, most in dataclasses.asdict(self).items():
            if not most > 0:
                raise ValueError(f"review.{name} is {most!r}; expected more than 0, or nobody can use the page.")

    def page_limits(self, clip: DecodingLimits) -> PageLimits:
        """With what one clip may cost, as `limits.*` say."""
        return PageLimits(**dataclasses.asdict(self), max_pixels=clip.max_pixels, max_frames=clip.max_frames)
