"""Caption videos."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from topiclens.pipeline.cli import arguments, checks, output

if TYPE_CHECKING:
    from topiclens.schemas.topic_lookup import NamedTopic
    from topiclens.serving.answers import Caption
    from topiclens.serving.captioning import Captioning

EXAMPLE = "topiclens caption clip.mp4 --model runs/sample/serving/topiclens --beam 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--model", default=f"{arguments.DEFAULT_ROOT}/serving/topiclens", metavar="DIR",
                       help="an exported model, or a folder of versions (default: %(default)s)")  # fmt: skip
    where.add_argument("--server", metavar="ADDRESS", help="ask a model server, such as grpc://127.0.0.1:8500")
    parser.add_argument("--with", dest="suppositions", action="append", default=[], metavar="TOPIC[=STRENGTH]",
                        help="what the caption would be if the video showed this topic, by its id or its name; repeat "
                        "for more (strength: 1; a negative one takes the topic away)")  # fmt: skip
    arguments.add_stretch(parser, "with --with: the video shows the topics")
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="with --server: the run that trained its model, if the server does not tell topics",
    )
    parser.add_argument("--beam", type=int, metavar="N", help="beam width, if not the one the model was exported with")
    arguments.add_sampling(parser)
    arguments.add_json(parser, "one object a video")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.exports import sampling_of

    strengths, stretch = parse_strengths(options.suppositions), arguments.stretch_of(options)
    if stretch and not strengths:
        raise checks.InputError("--from and --to go with --with: they say when the topic is there.")
    model = None if options.server else checks.check_model(options.model)
    sampling_of(model or {}, **arguments.sampling_of(options))
    if options.server and options.beam:
        raise checks.InputError("--beam goes with --model: a server's beam was fixed when its model was exported.")
    topics = checks.check_topics(strengths, model, options.root) if strengths else ()
    faults = checks.check_videos(options.videos)
    if options.server and not faults:
        checks.check_server(options.server)
    captions = [(video, fault) for video, fault in faults.items()] or _captions(options, model, strengths, topics)
    failed = 0
    for video, caption in captions:
        failed += isinstance(caption, str)
        if options.json:
            output.print_json({"video": video, "error": caption} if isinstance(caption, str) else {
                "video": video, "caption": caption.text, "log_prob": round(caption.log_prob, 4)})  # fmt: skip
        elif isinstance(caption, str):
            print(f"{video}: {caption}", file=sys.stderr)
        else:
            print(f"{video}: {caption.text}" if len(options.videos) > 1 else caption.text)
    return 1 if failed else 0


def _captions(
    options: argparse.Namespace, model: str | None, strengths: Mapping[int | str, float], topics: Sequence[NamedTopic]
) -> Iterator[tuple[str, Caption | str]]:
    """Each video with its caption, or with what is wrong with it, which does not stop the others."""
    from topiclens.components.videos.decoding import UnreadableVideo
    from topiclens.components.videos.reader import sample_video
    from topiclens.pipeline.exports import sampling_of
    from topiclens.schemas.jpeg_frames import encode_frames
    from topiclens.schemas.stretches import StretchError, strengths_over_time

    with contextlib.ExitStack() as stack:
        captioner = _open(stack, model, options.server, options.beam, topics)
        sampling = sampling_of(captioner.about() if model is None else model, **arguments.sampling_of(options))
        supposed, stretch = captioner.strengths(strengths) if strengths else None, arguments.stretch_of(options)
        for video in options.videos:
            try:
                sampled = sample_video(video, sampling)
                deltas = None if supposed is None else strengths_over_time(supposed, stretch, sampled.seconds)
            except (UnreadableVideo, StretchError, OSError) as error:
                yield video, str(error)
                continue
            clip = [encode_frames(sampled.frames)]
            yield video, *(captioner.caption_all(clip) if deltas is None else captioner.what_if_all(clip, deltas[None]))


def _open(
    stack: contextlib.ExitStack, model: str | None, server: str, beam: int | None, topics: Sequence[NamedTopic]
) -> Captioning:
    """The model that is asked, a folder or else on a server; a folder's is exported again for another beam."""
    from topiclens.serving.captioner import LocalCaptioner
    from topiclens.serving.client import CaptionClient

    if model is None:
        return stack.enter_context(CaptionClient(server, topics=topics))
    if beam:
        from topiclens.components.features.backbones import registry
        from topiclens.pipeline.settings import cache_folder
        from topiclens.trainer.export import export_again
        from topiclens.trainer.exported import read_meta

        copy = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="topiclens-")), "model")
        backbone = registry.of_features(read_meta(model)["features"], cache_folder())
        export_again(model, copy, backbone=backbone, beam=beam)
        model = copy
    return stack.enter_context(LocalCaptioner(model, topics=topics))


def parse_strengths(suppositions: Sequence[str]) -> dict[int | str, float]:
    """The strength of each topic; what is supposed twice of one topic adds up.

    Args:
        suppositions: TOPIC or TOPIC=STRENGTH each; the strength is 1 unless it is given.
    Raises:
        InputError: there is no topic, or the strength is no number.
    """
    strengths: dict[int | str, float] = {}
    for text in suppositions:
        topic, equals, strength = (part.strip() for part in text.partition("="))
        try:
            strengths[topic] = strengths.get(topic, 0.0) + (float(strength) if equals else 1.0)
        except ValueError:
            topic = ""
        if not topic:
            raise checks.InputError(f"--with takes TOPIC or TOPIC=STRENGTH, such as dance or dance=2, not {text!r}.")
    return strengths
