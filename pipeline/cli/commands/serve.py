"""Serve the pushed versions with the stand-in for TensorFlow Serving."""

import argparse
import os

from topiclens.pipeline.cli import arguments, checks

EXAMPLE = "topiclens serve --root runs/sample --grpc-port 8500 --rest-port 8501"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_root(parser)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--grpc-port", type=int, default=8500, metavar="N", help="default: %(default)s; 0 takes any")
    parser.add_argument("--rest-port", type=int, default=8501, metavar="N", help="default: %(default)s; 0 takes any")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.run_metadata import serving_folder

    base = serving_folder(options.root)
    if not os.path.isdir(base):
        raise checks.InputError(f"There is no model in {base!r}. 'topiclens run --root {options.root}' pushes one.")
    checks.check_port(options.host, options.grpc_port, "--grpc-port")
    checks.check_port(options.host, options.rest_port, "--rest-port")
    from topiclens.serving.local.server import serve

    serve(base, host=options.host, grpc_port=options.grpc_port, rest_port=options.rest_port)
    return 0
