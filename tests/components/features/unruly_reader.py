"""A reader for tests of the decoder's process: the clip's name says how it goes wrong."""

import os
import pathlib
import resource
import signal
import time

import numpy as np

from topiclens.components.videos.decoding import UnreadableVideo
from topiclens.components.videos.reader import SampledFrames


def sample_video(path, sampling, video_id, *, start, end, limits):
    match pathlib.Path(path).stem.split("-")[0]:
        case "crash":
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(600)
        case "bug":
            raise KeyError("no such codec")
        case "damaged":
            raise UnreadableVideo(f"{path!r} is damaged.")
        case "gone":
            raise UnreadableVideo(f"{path!r} cannot be opened.") from FileNotFoundError(path)
        case "slow":
            time.sleep(0.3)
    os.write(1, b"native code prints to the standard output\n")
    number = int(path.rpartition("-")[2])
    frames = [np.full((4 + index, 6, 3), number, np.uint8) for index in range(sampling.n_frames)]
    return SampledFrames(frames, tuple(range(len(frames))), (0.0,) * len(frames), limits.max_frames)
