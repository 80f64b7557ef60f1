"""``python -m topiclens.serving.local BASE``: the stand-in for TensorFlow Serving as a command."""

import argparse
import logging
from pathlib import Path

from topiclens.serving.client import MODEL_NAME
from topiclens.serving.local.server import GRPC_PORT, REST_PORT, serve


def main() -> None:
    """Serves what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m topiclens.serving.local",
        description="A stand-in for TensorFlow Serving on this machine. For the real one see serving/compose.yaml.",
    )
    parser.add_argument("base", type=Path, help="the folder of numbered versions: BASE/<version>/saved_model.pb")
    parser.add_argument("--name", default=MODEL_NAME, help="the model's name (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--grpc-port", type=int, default=GRPC_PORT, help="(%(default)s)")
    parser.add_argument("--rest-port", type=int, default=REST_PORT, help="(%(default)s)")
    parser.add_argument("--num-versions", type=int, default=1, help="how many of the newest versions (%(default)s)")
    parser.add_argument("--poll-seconds", type=float, default=1.0, help="how often to look for new ones (%(default)s)")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
