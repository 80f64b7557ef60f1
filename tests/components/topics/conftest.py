"""A corpus whose topics are known, because it was drawn from them."""

import numpy as np
import pytest

from topiclens.components.topics.documents import Corpus

N_TOPICS = 4
WORDS_A_TOPIC = 6


def mixed_documents(n_topics: int, n_words: int) -> tuple[np.ndarray, dict[str, list[str]]]:
    """Words of topics that overlap, phi (topics, words), and 60 documents of 40 words that mix them."""
    random = np.random.default_rng(3)
    phi = random.dirichlet(np.full(n_words, 0.6), n_topics)
    theta = random.dirichlet(np.full(n_topics, 0.5), 60)
    return phi, {f"d{d:02d}": [f"w{w}" for w in random.choice(n_words, 40, p=mix @ phi)] for d, mix in enumerate(theta)}


def planted_documents(n_documents=60, length=40, seed=0):
    """Documents by id, whose words `t<topic>w<n>` say which topic they came from; two topics make a document."""
    random = np.random.default_rng(seed)
    documents = {}
    for d in range(n_documents):
        topics = random.choice(N_TOPICS, 2, replace=False)
        of_token = random.choice(topics, length, p=[0.7, 0.3])
        documents[f"video{d:03d}"] = [f"t{topic}w{random.integers(WORDS_A_TOPIC)}" for topic in of_token]
    return documents


@pytest.fixture(scope="session")
def documents():
    return planted_documents()


@pytest.fixture(scope="session")
def corpus(documents):
    return Corpus.from_documents(documents, min_count=1)
