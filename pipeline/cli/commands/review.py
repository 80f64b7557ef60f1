"""Open the review page, where people say what captions miss."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from topiclens.pipeline.cli import arguments, checks, output

if TYPE_CHECKING:
    from topiclens.serving.review.access import Access

EXAMPLE = "topiclens review --root runs/sample --port 8600"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_root(parser)
    parser.add_argument("--server", metavar="ADDRESS", help="ask this model server instead of starting one")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8600, metavar="N", help="default: %(default)s; 0 takes any")
    arguments.add_changes(parser)
    people = parser.add_argument_group("people", "Without these, anyone on this machine may do everything.")
    people.add_argument("--name", help="your name, if you are on this machine (default: your user name)")
    people.add_argument("--token-file", metavar="FILE", help="people who may publish: a name and a token a line")
    people.add_argument("--reviewer-token-file", metavar="FILE", help="people who may review but not publish")
    people.add_argument("--proxy-header", metavar="NAME", help="the header in which a reverse proxy names people")
    people.add_argument("--proxy", nargs="+", default=[], metavar="ADDRESS", help="the address of that proxy")
    people.add_argument(
        "--publisher", nargs="+", default=[], metavar="PERSON", help="which of these people may publish"
    )
    people.add_argument("--public-host", nargs="+", default=[], metavar="NAME",
                        help="names, besides localhost, under which browsers reach the page")  # fmt: skip
    people.add_argument("--https", action="store_true", help="browsers reach it by HTTPS alone, through a proxy")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline import run_metadata
    from topiclens.pipeline.topic_register import governance_of

    access, settings = _access(options), arguments.settings_of(options)
    access.check_bind(options.host)
    outcome = run_metadata.newest(options.root)
    outcome.folder("topiclens.TopicModel")
    governance_of(settings, options.root)
    checks.check_port(options.host, options.port, "--port")
    if options.server:
        checks.check_server(options.server)
    else:
        checks.check_model(outcome.serving)
    from topiclens.pipeline.exports import atlas_of, names_of
    from topiclens.pipeline.review.open_backend import open_review_backend
    from topiclens.serving.review.app import serve
    from topiclens.serving.saved_model import resolve_version

    with open_review_backend(
        options.root, server=options.server, changes=tuple(options.changes), progress=output.note
    ) as backend:
        try:
            clip = settings.limits
            named, _ = names_of(options.root, str(resolve_version(outcome.serving)))
            serve(
                backend, access, options.host, options.port,
                limits=settings.review.page_limits(clip.max_pixels, clip.max_frames),
                atlas=atlas_of(options.root, named),
                ready=lambda address: print(f"Review page: {address}\nStop with Ctrl-C.", flush=True),
            )  # fmt: skip
        except KeyboardInterrupt:
            print("\nStopped. A refinement that is running goes on.", file=sys.stderr)
    return 0


def _access(options: argparse.Namespace) -> Access:
    """Who may come to the review page."""
    from topiclens.serving.review.access import Access

    if options.proxy_header:
        return Access.behind_proxy(
            options.proxy_header, options.proxy, options.publisher, options.public_host, options.https
        )
    if options.token_file or options.reviewer_token_file:
        return Access.by_tokens(options.reviewer_token_file, options.token_file, options.public_host, options.https)
    return Access.on_loopback(options.name or arguments.user())
