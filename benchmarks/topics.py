"""How fast topics are sampled: WarpLDA beside tomotopy's collapsed Gibbs sampler, in the same run.

    python -m benchmarks.topics                           # a synthetic corpus
    python -m benchmarks.topics --captions captions.json  # {video id: [caption, ...]}

WarpLDA's cost a token must not depend on the number of topics. Both run on one core; rates are of the process' own
time, so other work on the machine counts little. tomotopy is a benchmark-only dependency.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

from topiclens.components.topics.documents import Corpus, content_words
from topiclens.components.topics.warplda import WarpLDA


def synthetic_documents(n_documents=2000, length=150, n_words=5000, n_topics=100) -> dict[str, list[str]]:
    """Documents drawn from an LDA model whose words are as uneven as those of English."""
    random = np.random.default_rng(0)
    frequencies = 1 / np.arange(1, n_words + 1)
    phi = random.dirichlet(0.05 * n_words * frequencies / frequencies.sum() + 1e-3, n_topics)
    theta = random.dirichlet(np.full(n_topics, 0.05), n_documents)
    return {
        f"d{d:05d}": [f"w{word}" for word in random.choice(n_words, length, p=mixture @ phi)]
        for d, mixture in enumerate(theta)
    }


def seconds_of(run) -> float:
    """The processor's seconds that this process spends in ``run``."""
    began = time.process_time()
    run()
    return time.process_time() - began


def warplda_rate(corpus: Corpus, n_topics: int, iterations: int, mh_steps: int) -> float:
    sampler = WarpLDA(corpus, n_topics=n_topics, mh_steps=mh_steps)
    sampler.run(20)  # compiles, and leaves the random beginning
    return corpus.tokens.size * iterations / seconds_of(lambda: sampler.run(iterations))


def tomotopy_rate(corpus: Corpus, n_topics: int, iterations: int) -> float:
    import tomotopy

    gibbs = tomotopy.LDAModel(k=n_topics, alpha=0.1, eta=0.01, seed=0)
    gibbs.optim_interval = 0
    for d in range(len(corpus)):
        gibbs.add_doc([corpus.words[word] for word in corpus.document(d)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of several workers, whatever their number
        gibbs.train(20, workers=1)
        return corpus.tokens.size * iterations / seconds_of(lambda: gibbs.train(iterations, workers=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, help="JSON, captions by video id; synthetic if absent")
    parser.add_argument("--topics", type=int, nargs="+", default=[100, 1000, 10_000], help="numbers of topics")
    parser.add_argument("--iterations", type=int, default=30, help="iterations that are timed")
    parser.add_argument("--mh-steps", type=int, default=2, help="proposals a token and visit")
    arguments = parser.parse_args()

    if arguments.captions:
        captions = json.loads(arguments.captions.read_text(encoding="utf-8"))
        documents = {name: content_words(sentences) for name, sentences in captions.items()}
    else:
        documents = synthetic_documents()
    corpus = Corpus.from_documents(documents)
    print(f"{len(corpus)} documents, {len(corpus.words)} words, {corpus.tokens.size} tokens")
    print("million tokens/s on one core")
    print(f"{'topics':>7}  {'WarpLDA':>8}  {'collapsed Gibbs':>15}  {'ratio':>6}")
    for n_topics in arguments.topics:
        ours = warplda_rate(corpus, n_topics, arguments.iterations, arguments.mh_steps) / 1e6
        theirs = tomotopy_rate(corpus, n_topics, arguments.iterations) / 1e6
        print(f"{n_topics:7d}  {ours:8.2f}  {theirs:15.2f}  {ours / theirs:6.1f}", flush=True)


if __name__ == "__main__":
    main()
