"""How fast captions are served on this machine: requests a second and latency, in process and over loopback.

    python -m benchmarks.serving                                        a captioner of everyday sizes, random weights
    python -m benchmarks.serving --base runs/sample/serving/topiclens   a model of yours, behind the stand-in
    python -m benchmarks.serving --base BASE --server grpc://host:8500    the same model behind a server of yours

Clips are random features of the model's width. A random model never ends a caption early, so it does the most work. On
a machine that does other things too, only the ratios between rows say what an API costs. A what-if is one clip with one
topic enhanced, asked in turn with the plain caption of the same clip.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.common import measure
from topiclens.schemas.features import N_FRAMES
from topiclens.serving.captioner import LocalCaptioner
from topiclens.serving.captioning import Captioning
from topiclens.serving.client import CaptionClient
from topiclens.serving.local.server import LocalServer
from topiclens.serving.signatures import FEATURES_SIGNATURE, FRAMES_INPUT, WHAT_IF_SIGNATURE

BATCHES = (1, 8)
STRENGTH = 2.0  # of the topics that are enhanced


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, help="a base folder of numbered versions; default: random weights")
    parser.add_argument("--server", help="a server of that model; default: the stand-in, over both APIs")
    parser.add_argument("--requests", type=int, default=40, help="requests a row (%(default)s)")
    parser.add_argument("--clients", type=int, default=2, help="clients at once, 'together' (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = arguments.base or _random_captioner(Path(folder))
        with LocalCaptioner(base) as captioner:
            width = captioner.signatures[FEATURES_SIGNATURE].inputs[FRAMES_INPUT].shape[-1]
            print(f"{arguments.requests} requests a row; clips of {N_FRAMES} frames")
            print(f"{'':16}{'batch':>6}{'one after another':>28}{f'{arguments.clients} clients together':>28}")
            print(f"{'':16}{'':>6}" + f"{'req/s':>10}{'p50 ms':>9}{'p95 ms':>9}" * 2)
            _report("in process", captioner, width, arguments)
        if arguments.server:
            with CaptionClient(arguments.server) as client:
                _report(client.address, client, width, arguments)
            return
        with LocalServer(base, grpc_port=0, rest_port=0) as server:
            for name, address in (("stand-in, gRPC", server.grpc_address), ("stand-in, REST", server.rest_address)):
                with CaptionClient(address) as client:
                    _report(name, client, width, arguments)


def _report(name: str, captioner: Captioning, width: int, arguments: argparse.Namespace) -> None:
    random = np.random.default_rng(0)
    for batch in BATCHES:
        clips = list(random.uniform(0, 1, (batch, N_FRAMES, width)).astype(np.float32))
        captioner.caption_all(clips)  # The first run of a shape also plans it.
        cells = []
        for clients in (1, arguments.clients):
            rate, latencies = _measure(captioner, clips, arguments.requests, clients)
            p50, p95 = np.percentile(latencies, [50, 95]) * 1000
            cells.append(f"{rate:10.1f}{p50:9.1f}{p95:9.1f}")
        print(f"{name:16}{batch:6}{''.join(cells)}", flush=True)
    if WHAT_IF_SIGNATURE in captioner.signatures:
        deltas = STRENGTH * (np.arange(captioner.n_topics()) == 0)[None]
        ways = {
            "plain": lambda: captioner.caption_all(clips[:1]),
            "changed": lambda: captioner.what_if_all(clips[:1], deltas),
        }
        measure(ways)  # the first run of a shape also plans it
        plain, changed = measure(ways, arguments.requests)[0].values()
        print(f"{'  what if':16}{1:6}{1 / changed:10.1f}{changed * 1000:9.1f}"
              f"   {changed / plain:.2f} times the caption asked before it ({plain * 1000:.1f} ms)")  # fmt: skip


def _measure(captioner: Captioning, clips: list[np.ndarray], requests: int, clients: int) -> tuple[float, list[float]]:
    """(requests a second, seconds of each)."""
    ask = {"request": lambda: captioner.caption_all(clips)}

    def ask_all() -> list[float]:
        with ThreadPoolExecutor(clients) as pool:
            return list(pool.map(lambda _: measure(ask)[0]["request"], range(requests)))

    seconds, (latencies,) = measure({"all": ask_all})
    return requests / seconds["all"], latencies


def _random_captioner(folder: Path) -> Path:
    """A base folder with a captioner of everyday sizes that has learned nothing."""
    import keras

    from topiclens.trainer.captioner import Captioner, CaptionerConfig
    from topiclens.trainer.export import export
    from topiclens.trainer.vocabulary import Vocabulary

    keras.utils.set_random_seed(0)
    vocabulary = Vocabulary([f"word{i}" for i in range(2500)])
    model = Captioner(CaptionerConfig(vocabulary_size=len(vocabulary), feature_dim=1024))
    added = np.random.default_rng(0).normal(0, 0.1, (model.config.n_topics, model.encoder.n_neurons))
    features = {"backbone": None, "n_frames": N_FRAMES, "dim": 1024}
    export(model, vocabulary, folder / "1", features=features, enhancement=added)
    return folder


if __name__ == "__main__":
    main()
