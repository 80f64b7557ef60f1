"""A fitted topic model, in memory and in its folder."""

from __future__ import annotations

import functools
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from topiclens.components.topics.documents import index_of, number_words
from topiclens.components.topics.labels import OccurrenceRule, by_label
from topiclens.components.topics.priors import WordPrior
from topiclens.components.topics.table import Topic
from topiclens.schemas.files import format_json, write_bytes
from topiclens.schemas.plain import from_plain, to_plain

MODEL, TABLE, LABELS, LOG_LIKELIHOOD = "model.npz", "topics.json", "labels.jsonl", "log_likelihood.jsonl"
MATCHING = "matching.json"
_SAID, _MOST_LIFT = 0.005, 5.0  # the least share of a topic's tokens that a word of it has; see `word_lifts`


@dataclass(frozen=True, eq=False)
class TopicModel:
    """Topics, and which of them occur in a video's captions.

    Attributes:
        words: the vocabulary; a word's place is its number.
        counts: (sampled, words) int64, how often each word has each sampled topic, summed over the samples.
        samples: how many samples of the chain were summed.
        alpha, beta: pseudo-counts of each topic in a document, and of each word in a topic.
        rule: which topics occur in a document.
        seed: of the fit; inference begins from it too.
        topics: the readable table, by id; N_t of them, more than were sampled if earlier models had others.
        prior: the pseudo-counts of words, where seed words make them differ; None for beta everywhere.
        own_ids: (sampled,) int64, the id of each sampled topic; None if it is its place.
        label_of: (sampled,) int64, the id that each counts as, -1 if it is banned; None if it is its place.
    """

    words: tuple[str, ...]
    counts: np.ndarray
    samples: int
    alpha: float
    beta: float
    rule: OccurrenceRule
    seed: int
    topics: tuple[Topic, ...] = ()
    prior: WordPrior | None = None
    own_ids: np.ndarray | None = None
    label_of: np.ndarray | None = None

    @property
    def n_topics(self) -> int:
        """N_t, the length of the topic vector."""
        return len(self.topics) if self.topics else len(self.counts)

    @property
    def ids(self) -> np.ndarray:
        """(sampled,) int64: the id of each sampled topic."""
        return np.arange(len(self.counts)) if self.own_ids is None else self.own_ids

    @functools.cached_property
    def phi(self) -> np.ndarray:
        """(sampled, words) float64: the probability of each word in each sampled topic."""
        return word_probabilities(
            self.counts / self.samples, self.beta if self.prior is None else self.prior.dense(len(self.counts))
        )

    @functools.cached_property
    def said(self) -> np.ndarray:
        """(words, N_t) float64: p(word | topic), the share of a topic's tokens that a word has; 0 without a token."""
        counts = self.counts.T if self.label_of is None else by_label(self.counts.T, self.label_of, self.n_topics)
        return counts / np.maximum(counts.sum(axis=0), 1)

    def word_lifts(self) -> list[dict[str, tuple[float, float]]]:
        """What each topic says, by id: its words, each with log p(word | topic) - log p(word), at most 5, and
        p(word | topic).

        Words that the topic hardly says, or says no more often than all captions do, are left out.
        """
        of_topic = self.said
        in_all = self.counts.sum(axis=0) / max(self.counts.sum(), 1)
        lifts: list[dict[str, tuple[float, float]]] = [{} for _ in range(self.n_topics)]
        for word, topic in np.argwhere(of_topic > _SAID):
            lift = min(float(np.log(of_topic[word, topic] / in_all[word])), _MOST_LIFT)
            if lift > 0:
                lifts[topic][self.words[word]] = round(lift, 3), round(float(of_topic[word, topic]), 5)
        return lifts

    @functools.cached_property
    def _by_word(self) -> np.ndarray:
        return np.ascontiguousarray(self.phi.T)

    def infer_words(self, document_id: str, words: Iterable[str]) -> np.ndarray:
        """(topics,) float64: how many of a video's content words have each topic, averaged over samples.

        Words that were not fitted are left out. The result depends only on the id, the words and the model.
        """
        from topiclens.components.topics.sampling_steps import fold_in, seed_of  # numba takes a second to import

        tokens = number_words(words, index_of(self.words))
        sampled = fold_in(tokens, self._by_word, self.alpha, seed=seed_of(document_id, self.seed))
        return sampled if self.label_of is None else by_label(sampled, self.label_of, self.n_topics)

    def save(self, folder: str | os.PathLike) -> None:
        """Writes ``model.npz`` and ``topics.json``; equal models give equal bytes."""
        write_files(folder, self.to_files())

    def to_files(self) -> dict[str, bytes]:
        """What `save` writes, by file name."""
        arrays = {
            "words": np.array(self.words),
            "counts": self.counts,
            "samples": np.int64(self.samples),
            "alpha": np.float64(self.alpha),
            "beta": np.float64(self.beta),
            "max_topics": np.int64(self.rule.max_topics),
            "min_share": np.float64(self.rule.min_share),
            "seed": np.int64(self.seed),
            **({} if self.prior is None else self.prior.to_arrays()),
            **({} if self.label_of is None else {"own_ids": self.ids, "label_of": self.label_of}),
        }
        table = {"topics": to_plain(self.topics, defaults=False)}
        return {MODEL: _npz(arrays), TABLE: format_json(table).encode()}

    @classmethod
    def load(cls, folder: str | os.PathLike) -> TopicModel:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: the folder holds no topic model.
            ValueError: its files are damaged, or do not belong together.
        """
        folder = Path(folder)
        missing = [name for name in (MODEL, TABLE) if not (folder / name).is_file()]
        if missing:
            raise FileNotFoundError(
                f"No topic model in {folder}: {' and '.join(missing)} missing. Expected the folder that the topics "
                "step wrote, with model.npz and topics.json."
            )
        return cls.from_files({name: (folder / name).read_bytes() for name in (MODEL, TABLE)})

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> TopicModel:
        """The model in the bytes of `to_files`."""
        try:
            with np.load(io.BytesIO(files[MODEL]), allow_pickle=False) as arrays:
                model = cls(
                    words=tuple(str(word) for word in arrays["words"]),
                    counts=arrays["counts"],
                    samples=int(arrays["samples"]),
                    alpha=float(arrays["alpha"]),
                    beta=float(arrays["beta"]),
                    rule=OccurrenceRule(int(arrays["max_topics"]), float(arrays["min_share"])),
                    seed=int(arrays["seed"]),
                    topics=from_plain(tuple[Topic, ...], json.loads(files[TABLE])["topics"]),
                    prior=WordPrior.from_arrays(arrays),
                    own_ids=arrays["own_ids"] if "own_ids" in arrays else None,
                    label_of=arrays["label_of"] if "label_of" in arrays else None,
                )
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"The topic model cannot be read ({type(error).__name__}: {error}). {MODEL} or {TABLE} is damaged or "
                "of another version; run the topics step again."
            ) from error
        sampled = len(model.topics) if model.own_ids is None else len(model.own_ids)
        ids, n_topics = set(model.ids.tolist()), len(model.topics)
        if model.counts.shape != (sampled, len(model.words)) or len(ids) != sampled or not ids <= set(range(n_topics)):
            raise ValueError(
                f"{MODEL} holds counts of shape {model.counts.shape}, but {len(model.words)} words, and {TABLE} "
                f"{n_topics} topics: the files are of different runs. Run the topics step again."
            )
        return model


def word_probabilities(counts: np.ndarray, beta: float | np.ndarray) -> np.ndarray:
    """phi (topics, words) from counts of the same shape: (C_kw + beta_kw) / (C_k + sum_w beta_kw)."""
    smoothed = counts + beta
    return smoothed / smoothed.sum(axis=1, keepdims=True)


def write_files(folder: str | os.PathLike, files: Mapping[str, bytes]) -> None:
    """Writes files into a folder, by name."""
    for name, content in files.items():
        write_bytes(os.path.join(folder, name), content)


def _npz(arrays: Mapping[str, Any]) -> bytes:
    """An ``.npz`` whose bytes depend only on the arrays; numpy's has the time of day in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            entry = io.BytesIO()
            np.save(entry, arrays[name], allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.getvalue())
    return buffer.getvalue()
