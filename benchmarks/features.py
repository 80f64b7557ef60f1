"""Times what the features step spends its time on: decoding clips, preparing frames, and the network.

    python -m benchmarks.features CLIP... [--backbone googlenet --weights bvlc_googlenet.npz]

Rates are of one process; compare those of one run with each other.
"""

import argparse
import time

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
    arguments = parser.parse_args()

    decoder = DecoderProcess()
    decoder.sample(ClipRequest(arguments.clips[0]))  # starts the process
    began = time.perf_counter()
    sampled = [decoder.sample(ClipRequest(path)) for path in arguments.clips]
    decoding = time.perf_counter() - began
    decoder.close()

    extractor = FeatureExtractor(registry.load(arguments.backbone, arguments.weights), batch_size=arguments.batch_size)
    list(extractor([(0, sampled[0])]))  # compiles
    began = time.perf_counter()
    for frames in sampled:
        extractor.prepare(frames)
    preparing = time.perf_counter() - began
    began = time.perf_counter()
    list(extractor(enumerate(sampled)))
    network = time.perf_counter() - began - preparing

    clips, frames = len(sampled), sum(map(len, sampled))
    print(f"{clips} clips, {frames} of at most {clips * N_FRAMES} frames, {arguments.backbone}")
    for name, seconds in (("decode", decoding), ("prepare", preparing), ("network", network)):
        print(f"{name:8} {seconds / clips * 1000:7.0f} ms a clip {frames / seconds:7.0f} frames/s")


if __name__ == "__main__":
    main()
