"""Which formats are read, and which of a file's streams is the film."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av

# Containers that hold their own data. Playlists and image sequences, which make the demuxer open other files or
# addresses, are not among them. Sound is, so that it can be told as such.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "avi", "matroska,webm", "gif", "mpeg", "mpegts", "mpegvideo", "m4v", "h264", "hevc",
    "ivf", "flv", "asf", "ogg", "nut", "mxf", "dv", "rm", "swf", "apng",
    "wav", "mp3", "flac", "aac", "amr", "caf", "aiff",
)  # fmt: skip
FALLBACK_RATE = 25  # frames a second, where neither timestamps nor the stream say
_DEFAULT = 5_000_000  # pixels that the mark of the default stream outweighs, as in ffmpeg's own choice
_FASTEST = 240  # frames a second that a guess is believed up to
_ENCRYPTED_TAGS = ("encv", "drmi", "p608")
_ENCRYPTED_DATA = ("encryption_info", "encryption_init_info")


class NoFilm(ValueError):
    """A file without a film that can be shown; the message is the end of a sentence that begins with its name."""


def film_of(container: Any) -> Any:
    """The stream of an open file that is its film.

    As ffmpeg chooses: the largest picture, where the mark of the default stream counts for five million pixels; but a
    still beside a stream that moves is its thumbnail, and covers and chapters' pictures are never the film.

    Raises:
        NoFilm: there is none, or it cannot be decoded.
    """
    kinds = av.stream.Disposition
    pictures = kinds.attached_pic | kinds.timed_thumbnails
    films = [stream for stream in container.streams.video if not stream.disposition & pictures]
    if not films:
        others = {stream.type for stream in container.streams if stream.type != "video"}
        raise NoFilm(f"has no video stream, only: {', '.join(sorted(others)) or 'none'}. Is it a sound recording?")
    film = max(films, key=_rank)
    if film.disposition & kinds.dependent:
        raise NoFilm("is a picture in tiles, which are not put together here. Export it as one picture.")
    if film.codec_context is None:
        raise NoFilm("has no video codec that can be decoded here. It is damaged, or has to be re-encoded.")
    if film.codec_context.codec_tag in _ENCRYPTED_TAGS or "enc_key_id" in film.metadata:
        raise NoFilm("is encrypted, and no key is known. Decrypt it first.")
    return film


def is_encrypted(packet: Any) -> bool:
    """Whether a packet of a film, and those after it up to the next key frame, need a key. Asked of key frames."""
    return packet.is_keyframe and any(packet.has_sidedata(kind) for kind in _ENCRYPTED_DATA)


def frame_rate(stream: Any) -> Fraction:
    """Frames a second of a stream, for frames without a time of their own."""
    guesses = (stream.guessed_rate, stream.average_rate)
    return Fraction(next((rate for rate in guesses if rate and 0 < rate <= _FASTEST), FALLBACK_RATE))


def _rank(stream: Any) -> tuple[bool, bool, int, int]:
    context = stream.codec_context
    default = bool(stream.disposition & av.stream.Disposition.default)
    size = context.width * context.height if context else 0
    whole = not stream.disposition & av.stream.Disposition.dependent
    return whole, stream.frames != 1, size + _DEFAULT * default, stream.frames
