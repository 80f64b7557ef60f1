"""Is it more than regularisation? LSTM-I beside LSTM-B and beside LSTM-I with shuffled topics, over several seeds."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from scipy import stats

from topiclens.components.captions.evaluator import EpochScores, evaluate_captions
from topiclens.components.captions.generate import pad_videos
from topiclens.components.neurons.links import TopicLinks, name_neurons
from topiclens.components.neurons.pdm import Tally
from topiclens.components.neurons.study import study_neurons
from topiclens.components.neurons.tensorboard import write_profiles
from topiclens.components.topics.model import TopicModel
from topiclens.components.training.run_fn import TOPIC_WORDS_FILE, VOCABULARY_FILE
from topiclens.components.videos.ingest import SUMMARY
from topiclens.pipeline.run_metadata import Outcome, split_files
from topiclens.pipeline.settings import Settings
from topiclens.schemas import records
from topiclens.schemas.files import read_json, write_bytes, write_json, write_text
from topiclens.schemas.plain import to_plain
from topiclens.schemas.progress import Progress, print_progress
from topiclens.schemas.tables import markdown_table
from topiclens.trainer.checkpoints import claim
from topiclens.trainer.settings import MLP, NEURONS, CaptionerConfig, CaptionerSettings
from topiclens.trainer.training import train
from topiclens.trainer.validation import VIDEOS_A_BATCH, CaptionWriter
from topiclens.trainer.vocabulary import Vocabulary

FIGURES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "detectors": "topics with a detector",
    "selectivity": "selectivity",
    "gini": "Gini",
    "purity": "purity",
    "deletion": "deletion AOPC",
    "deletion_random": "of random neurons",
    "deletion_gradient": "of gradient x input",
    "word_deletion": "deletion AOPC, log p of words",
    "word_deletion_random": "log p, of random neurons",
    "word_deletion_gradient": "log p, of gradient x input",
    "insertion_on_topic": "insertion, captions that gain the topic's words",
    "insertion_off_topic": "that gain another topic's",
    "insertion_gain": "rise of log expected words",
    "BLEU-4": "BLEU-4",
    "METEOR": "METEOR",
    "CIDEr": "CIDEr",
}
_TABLE, _JSON, _PROFILES = "comparison.md", "comparison.json", "profiles.png"
_PAPERS_WEIGHT = 0.1  # lambda
_REDUCED_CAPTIONS, _REDUCED_EPOCHS = 60_000, (5, 12)  # of a training at the reduced size
_STUDIED = "tally.npz", "links.json", "result.json"  # what a finished training leaves; written in this order


@dataclasses.dataclass(frozen=True)
class Variant:
    """A way of training the same captioner."""

    name: str
    interpretive_weight: float
    shuffle_topics: bool = False
    topics: str = NEURONS

    @property
    def folder(self) -> str:
        return f"{'shuffled' if self.shuffle_topics else self.topics}-{self.interpretive_weight:g}"


def variants(model: CaptionerSettings, other_weights: Sequence[float] = ()) -> list[Variant]:
    """LSTM-B, LSTM-I and its control with one weight of the interpretive loss, then LSTM-I with other weights; and with
    the paper's f, where the model has topic neurons."""
    weight, kind = model.interpretive_weight, model.topics
    others = [other for other in other_weights if other not in (0, weight)]
    return [
        Variant("LSTM-B", 0.0, topics=kind),
        Variant("LSTM-I", weight, topics=kind),
        Variant("LSTM-I, shuffled topics", weight, shuffle_topics=True, topics=kind),
        *(Variant(f"LSTM-I, lambda {other:g}", other, topics=kind) for other in others),
        *([Variant("LSTM-I, the paper's f", _PAPERS_WEIGHT, topics=MLP)] if kind == NEURONS else []),
    ]


def training_videos(outcome: Outcome) -> int:
    """How many videos a run trains on."""
    summary = read_json(os.path.join(outcome.folder("topiclens.Dataset"), SUMMARY))
    return summary["videos_by_split"].get("train", 0)


def reduced(settings: Settings, videos: int) -> Settings:
    """The same captioner at a size of minutes: a smaller decoder and short epochs; the encoder and N_t stay.

    Some 60,000 captions are read: in 5 epochs two of each of Flickr8k's 6,000 photos, in 12 epochs more of each of
    fewer videos. So short a training has nothing to fear from learning captions by heart, and does without what guards
    against it. The rate falls to nothing, so the last epoch is the best, and no epoch writes captions to be compared.
    """
    fewest, most = _REDUCED_EPOCHS
    captions = max(2, round(_REDUCED_CAPTIONS / (most * max(videos, 1))))
    epochs = max(fewest, round(_REDUCED_CAPTIONS / (captions * max(videos, 1))))
    small = dict(decoder_units=128, attention_units=128, embedding_units=128)
    unguarded = dict(frame_dropout=0.0, word_dropout=0.0, label_smoothing=0.0)
    return dataclasses.replace(
        settings,
        model=dataclasses.replace(settings.model, **small, **unguarded),
        training=dataclasses.replace(
            settings.training, epochs=epochs, max_captions_per_video=captions, batch_captions=80, learning_rate=2e-3,
            schedule="cosine", monitor="loss", histogram_every=0,
        ),
    )  # fmt: skip


def compare(
    outcome: Outcome,
    settings: Settings,
    *,
    other_weights: Sequence[float] = (),
    seeds: int,
    folder: str,
    progress: Progress = print_progress,
) -> dict[str, list[dict]]:
    """Trains and studies every variant with every seed, and writes the table.

    What is done is kept, a file for each training, and not done again; a killed training goes on from its last epoch.

    Args:
        other_weights: more lambdas of LSTM-I, beside that of the settings.
        folder: gets a folder for each training, `comparison.json`, `comparison.md`, and the profiles of the first
            seed's LSTM-I above LSTM-B (Fig. 3) as `profiles.png` and as a TensorBoard log, `logs/neurons`.
    Raises:
        topiclens.trainer.checkpoints.CheckpointMismatch: the folder holds a comparison with other settings or of other
            records.
    """
    claim(folder, _facts(outcome, settings))
    chosen = variants(settings.model, other_weights)
    jobs = [(variant, settings.run.seed + n) for n in range(seeds) for variant in chosen]
    results: dict[str, list[dict]] = {variant.name: [] for variant in chosen}
    began, trained = time.monotonic(), 0
    for done, (variant, seed) in enumerate(jobs):
        place = os.path.join(folder, variant.folder, f"seed-{seed}")
        if not all(os.path.exists(os.path.join(place, name)) for name in _STUDIED):
            minutes = (time.monotonic() - began) / 60 * (len(jobs) - done) / max(trained, 1)
            left = f", about {minutes:.0f} min left" if trained else ""
            progress(f"{variant.name}, seed {seed}: training {done + 1} of {len(jobs)}{left}")
            _train_and_study(outcome, settings, variant, seed, place)
            trained += 1
        results[variant.name].append(read_json(os.path.join(place, "result.json")))
    write_json(os.path.join(folder, _JSON), results)
    heads, *rows = table_rows(results)
    write_text(os.path.join(folder, _TABLE), markdown_table(heads, rows) + "\n")
    pair = reversed(chosen[:2])  # LSTM-I above LSTM-B, whose topics it chooses (Fig. 3)
    places = {one.name: os.path.join(folder, one.folder, f"seed-{settings.run.seed}") for one in pair}
    tallies = {name: Tally.load(place) for name, place in places.items()}
    links = {name: TopicLinks.load(place) for name, place in places.items()}
    picture = write_profiles(os.path.join(folder, "logs", "neurons"), tallies, links)
    write_bytes(os.path.join(folder, _PROFILES), picture)
    return results


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half the width of its 95 % interval (Student's t); NaN for a single value."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return float(values.mean()), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(half)


def table_rows(results: Mapping[str, Sequence[Mapping]]) -> list[list[str]]:
    """The head, then a row for each figure: in each variant's column the mean over the seeds and its 95 % interval."""
    rows = [["figure", *results]]
    for key, label in FIGURES.items():
        cells = [label]
        for of_seeds in results.values():
            values = [result[key] for result in of_seeds if result.get(key) is not None]
            mean, half = interval(values) if values else (np.nan, np.nan)
            shown = f"{mean:.4f}" if np.isnan(half) else f"{mean:.4f} ± {half:.4f}"
            cells.append("not measured" if np.isnan(mean) else shown)
        rows.append(cells)
    return [*rows, ["seeds", *(str(len(of_seeds)) for of_seeds in results.values())]]


def _facts(outcome: Outcome, settings: Settings) -> dict[str, dict]:
    """What all trainings of a comparison share; the weights of the interpretive loss and the seeds are their own."""
    own = {"interpretive_weight", "topics", "seed"}
    shared = {
        "model": dataclasses.asdict(settings.model),
        "training": settings.training_config().fixed(),
        "captions": {"beam": settings.decoding.beam, "max_words": settings.decoding.max_words},
        "neurons": {"effect_videos": settings.neurons.effect_videos},
        "data": {"records": os.path.relpath(outcome.folder("Examples"), outcome.root)},
    }
    return {part: {name: value for name, value in facts.items() if name not in own} for part, facts in shared.items()}


def _train_and_study(outcome: Outcome, settings: Settings, variant: Variant, seed: int, place: str) -> None:
    """In a process of its own: graphs and kept frames, a gigabyte of them with Flickr8k, go with it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        process.submit(_trained_and_studied, outcome, settings, variant, seed, place).result()


def _trained_and_studied(outcome: Outcome, settings: Settings, variant: Variant, seed: int, place: str) -> None:
    settings = dataclasses.replace(
        settings,
        model=dataclasses.replace(
            settings.model, interpretive_weight=variant.interpretive_weight, topics=variant.topics
        ),
        run=dataclasses.replace(settings.run, seed=seed),
    )
    files = {split: split_files(outcome, split) for split in ("train", "val")}
    vocabulary = Vocabulary.load(os.path.join(outcome.folder("TransformGraph"), VOCABULARY_FILE))
    topics = TopicModel.load(outcome.folder("topiclens.TopicModel")).topics
    result = train(
        files["train"],
        files["val"],
        vocabulary=vocabulary,
        model=CaptionerConfig(
            vocabulary_size=len(vocabulary),
            feature_dim=next(records.read(files["train"])).frames.shape[1],
            n_topics=len(topics),
            **dataclasses.asdict(settings.model),
        ),
        training=settings.training_config(),
        work_dir=place,
        score_captions=None if settings.training.monitor == "loss" else EpochScores(),
        name_neurons=name_neurons,
        topic_words=read_json(os.path.join(outcome.folder("TransformGraph"), TOPIC_WORDS_FILE)),
        shuffle_topics=variant.shuffle_topics,
    )
    held_out = list(records.read(files["val"]))
    tally, links, figures, effects = study_neurons(
        result.captioner, vocabulary, records.read(files["train"]), held_out, topics, seed=seed,
        effect_videos=settings.neurons.effect_videos,
    )  # fmt: skip
    decoding = settings.decoding
    write = CaptionWriter(result.captioner, vocabulary, beam=decoding.beam, max_words=decoding.max_words)
    batches = [held_out[i : i + VIDEOS_A_BATCH] for i in range(0, len(held_out), VIDEOS_A_BATCH)]
    captions = write(([video.video_id for video in batch], pad_videos(batch)) for batch in batches)
    people = {video.video_id: video.captions for video in held_out}
    judged = evaluate_captions(people, captions, ("BLEU-4", "METEOR", "CIDEr"))
    tally.save(place)
    links.save(place)
    measured = to_plain(figures) | to_plain(effects) | judged.metrics
    write_json(os.path.join(place, "result.json"), measured)
