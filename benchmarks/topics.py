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
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.common import measure
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


def build_gibbs(corpus: Corpus, n_topics: int):
    """A collapsed Gibbs sampler of the same corpus."""
    import tomotopy

    gibbs = tomotopy.LDAModel(k=n_topics, alpha=0.1, eta=0.01, seed=0)
    gibbs.optim_interval = 0
    for d in range(len(corpus)):
        gibbs.add_doc([corpus.words[word] for word in corpus.document(d)])
    return gibbs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, help="JSON, captions by video id; synthetic if absent")
    parser.add_argument("--topics", type=int, nargs="+", default=[100, 1000, 10_000], help="numbers of topics")
    parser.add_argument("--iterations", type=int, default=30, help="iterations that are timed")
    parser.add_argument("--mh-steps", type=int, default=2, help="proposals a token and visit")
    options = parser.parse_args()

    if options.captions:
        captions = json.loads(options.captions.read_text(encoding="utf-8"))
        documents = {name: content_words(sentences) for name, sentences in captions.items()}
    else:
        documents = synthetic_documents()
    corpus, iterations = Corpus.from_documents(documents), options.iterations
    warnings.simplefilter("ignore")  # tomotopy warns of several workers, whatever their number
    print(f"{len(corpus)} documents, {len(corpus.words)} words, {corpus.tokens.size} tokens")
    print("million tokens/s on one core")
    print(f"{'topics':>7}  {'WarpLDA':>8}  {'collapsed Gibbs':>15}  {'ratio':>6}")
    for n_topics in options.topics:
        warplda, gibbs = WarpLDA(corpus, n_topics=n_topics, mh_steps=options.mh_steps), build_gibbs(corpus, n_topics)
        warplda.run(20)  # compiles, and leaves the random beginning
        gibbs.train(20, workers=1)
        ways = {"ours": partial(warplda.run, iterations), "theirs": partial(gibbs.train, iterations, workers=1)}
        seconds, _ = measure(ways, clock=time.process_time)
        ours, theirs = (corpus.tokens.size * iterations / taken / 1e6 for taken in seconds.values())
        print(f"{n_topics:7d}  {ours:8.2f}  {theirs:15.2f}  {ours / theirs:6.1f}", flush=True)


if __name__ == "__main__":
    main()
