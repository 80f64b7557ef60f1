"""Time the parts of the features step: decoding clips, preparing frames, and the network.

    python -m benchmarks.features CLIP... [--backbone googlenet --weights bvlc_googlenet.npz]

Rates are of one process; compare those of one run with each other.
"""

import argparse

from benchmarks.common import measure
from topiclens.components.features.backbones import registry
from topiclens.components.features.decoder import ClipRequest, DecoderProcess
from topiclens.components.features.extract import BATCH_SIZE, FeatureExtractor
from topiclens.schemas.features import N_FRAMES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", metavar="CLIP")
    parser.add_argument("--backbone", choices=registry.NAMES, default=registry.DEFAULT)
    parser.add_argument("--weights", help="the backbone's weights, where it needs any")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    options = parser.parse_args()

    decoder = DecoderProcess()
    decoder.sample(ClipRequest(options.clips[0]))  # starts the process
    decoding, (sampled,) = measure({"decode": lambda: [decoder.sample(ClipRequest(path)) for path in options.clips]})
    decoder.close()
    extractor = FeatureExtractor(registry.load(options.backbone, options.weights), batch_size=options.batch_size)
    list(extractor([(0, sampled[0])]))  # compiles
    ways = {
        "prepare": lambda: [extractor.prepare(frames) for frames in sampled],
        "network": lambda: list(extractor(enumerate(sampled))),
    }
    seconds = decoding | measure(ways)[0]
    seconds["network"] -= seconds["prepare"]

    clips, frames = len(sampled), sum(map(len, sampled))
    print(f"{clips} clips, {frames} of at most {clips * N_FRAMES} frames, {options.backbone}")
    for name, taken in seconds.items():
        print(f"{name:8} {taken / clips * 1000:7.0f} ms a clip {frames / taken:7.0f} frames/s")


if __name__ == "__main__":
    main()
