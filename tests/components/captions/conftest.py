"""What the tests of the evaluation of captions share: made-up captions, and a program that plays METEOR."""

import pathlib
import random
import stat

import pytest

# Sentences of a small language, so that captions share n-grams.
SUBJECTS = ["a man", "a woman", "the small dog", "two boys", "a black cat", "someone"]
VERBS = ["is running", "plays the guitar", "jumps over", "is cutting", "looks at"]
OBJECTS = ["a red ball", "an onion", "the wooden fence", "the water", "in the park", ""]


def sentence(rng: random.Random) -> str:
    words = " ".join((rng.choice(SUBJECTS), rng.choice(VERBS), rng.choice(OBJECTS))).split()
    if rng.random() < 0.3:
        del words[rng.randrange(len(words))]
    return " ".join(words)


def make_corpus(seed: int, videos: int = 40) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Tokenised references, one to six a video, and a caption of each; some captions are odd on purpose."""
    rng = random.Random(seed)
    references = {f"video{i}": [sentence(rng) for _ in range(rng.randint(1, 6))] for i in range(videos)}
    captions = {video_id: sentence(rng) for video_id in references}
    odd = ["", "man", "zebra crossing zoom", references["video3"][0], "a a a a a a", "a man " * 20]
    captions |= {f"video{i}": caption.strip() for i, caption in enumerate(odd)}
    return references, captions


@pytest.fixture
def corpus():
    """Makes a corpus from a seed; see `make_corpus`."""
    return make_corpus


@pytest.fixture
def fake_java(tmp_path):
    """Makes an executable from the body of a shell script, to stand for the Java command."""

    def make(script: str) -> str:
        path = pathlib.Path(tmp_path) / "java"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make
