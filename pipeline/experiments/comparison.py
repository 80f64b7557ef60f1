"""Is it more than regularisation? LSTM-I beside LSTM-B and beside LSTM-I with shuffled topics, over several seeds."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.connection import wait

import tensorflow as tf
from threadpoolctl import threadpool_limits

from topiclens.components.captions.evaluator import EpochScores, evaluate_captions
from topiclens.components.captions.generate import pad_videos
from topiclens.components.neurons.effects import drawn
from topiclens.components.neurons.links import TopicLinks, name_neurons
from topiclens.components.neurons.pdm import Tally
from topiclens.components.neurons.study import study_neurons
from topiclens.components.neurons.tensorboard import write_profiles
from topiclens.components.topics.model import TopicModel
from topiclens.components.training.run_fn import TOPIC_WORDS_FILE, VOCABULARY_FILE
from topiclens.components.videos.ingest import SUMMARY
from topiclens.pipeline.experiments.comparison_tables import as_markdown, differences, is_complete, others_of, tables
from topiclens.pipeline.experiments.topic_seeds import refitted
from topiclens.pipeline.run_metadata import Outcome, split_files
from topiclens.pipeline.settings import Settings
from topiclens.schemas import records
from topiclens.schemas.files import read_json, write_bytes, write_json, write_text
from topiclens.schemas.plain import to_plain
from topiclens.schemas.progress import Progress, print_progress
from topiclens.trainer.checkpoints import claim
from topiclens.trainer.encoders import BILSTM, JOINED
from topiclens.trainer.settings import MLP, NEURONS, CaptionerConfig, CaptionerSettings
from topiclens.trainer.training import train
from topiclens.trainer.validation import VIDEOS_A_BATCH, CaptionWriter
from topiclens.trainer.vocabulary import Vocabulary

OURS = "LSTM-I"  # what the others are held against
_TABLE, _JSON, _DIFFERENCES, _PROFILES = "comparison.md", "comparison.json", "differences.json", "profiles.png"
_PAPERS_WEIGHT = 0.1  # lambda
_REDUCED_CAPTIONS, _REDUCED_EPOCHS = 60_000, (5, 12)  # of a training at the reduced size
_RESULT = "result.json"
_STUDIED = "tally.npz", "links.json", _RESULT  # what a finished training leaves; written in this order


@dataclasses.dataclass(frozen=True)
class Variant:
    """A way of training the same captioner."""

    name: str
    interpretive_weight: float
    shuffle_topics: bool = False
    topics: str = NEURONS
    encoder: str = BILSTM

    @property
    def folder(self) -> str:
        kind = "shuffled" if self.shuffle_topics else "released" if self.encoder == JOINED else self.topics
        return f"{kind}-{self.interpretive_weight:g}"


def variants(model: CaptionerSettings, other_weights: Sequence[float] = ()) -> list[Variant]:
    """LSTM-B, LSTM-I and its control with one weight of the interpretive loss, then LSTM-I with other weights; and,
    where the model has topic neurons, LSTM-I as in the paper, and with the v of its authors' code."""
    weight, kind = model.interpretive_weight, model.topics
    others = [other for other in other_weights if other not in (0, weight)]
    return [
        Variant("LSTM-B", 0.0, topics=kind),
        Variant(OURS, weight, topics=kind),
        Variant("LSTM-I, shuffled topics", weight, shuffle_topics=True, topics=kind),
        *(Variant(f"LSTM-I, lambda {other:g}", other, topics=kind) for other in others),
        *(_as_published() if kind == NEURONS else []),
    ]


def _as_published() -> list[Variant]:
    """LSTM-I with the paper's f; and then with its authors' v, of which most "neurons" are raw features."""
    papers = Variant("LSTM-I, the paper's f", _PAPERS_WEIGHT, topics=MLP)
    return [papers, dataclasses.replace(papers, name="LSTM-I, the paper's f, the released v", encoder=JOINED)]


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
    topic_seeds: bool = False,
    jobs: int = 1,
    progress: Progress = print_progress,
) -> dict[str, list[dict]]:
    """Trains and studies every variant with every seed, and writes the table.

    What is done is kept, a file for each training, and not done again; a killed training goes on from its last epoch.

    Args:
        other_weights: more lambdas of LSTM-I, beside that of the settings.
        folder: gets a folder for each training, `comparison.json`, `comparison.md`, `differences.json`, and the
            profiles of the first seed's LSTM-I above LSTM-B (Fig. 3) as `profiles.png` and as a TensorBoard log,
            `logs/neurons`.
        topic_seeds: with every seed the topic model is fitted anew too, and the records labelled by it, so that the
            intervals cover both.
        jobs: so many trainings at once, which share the cores.
    Raises:
        topiclens.trainer.checkpoints.CheckpointMismatch: the folder holds a comparison with other settings or of other
            records.
    """
    claim(folder, _facts(outcome, settings) | ({"topics": dataclasses.asdict(settings.topics)} if topic_seeds else {}))
    chosen = variants(settings.model, other_weights)
    asked = [
        (variant, seed, os.path.join(folder, variant.folder, f"seed-{seed}"))
        for seed in range(settings.run.seed, settings.run.seed + seeds)
        for variant in chosen
    ]
    todo = [one for one in asked if not _is_done(one[-1])]
    began, started, fitting = time.monotonic(), itertools.count(), threading.Lock()
    ended = threading.Event()  # by a failure or by hand: no further training begins

    def train_one(variant: Variant, seed: int, place: str) -> None:
        if ended.is_set():
            return
        before = next(started)
        done = max(0, before + 1 - jobs)
        left = f", about {(time.monotonic() - began) / 60 * (len(todo) - done) / done:.0f} min left" if done else ""
        number = len(asked) - len(todo) + before + 1
        progress(f"{variant.name}, seed {seed}: training {number} of {len(asked)}{left}")
        try:
            with fitting:  # the topics of a seed, once for all of its trainings
                of_seed = os.path.join(folder, "topics", f"seed-{seed}")
                trained_on = refitted(outcome, settings.topics, seed, of_seed) if topic_seeds else outcome
            _train_and_study(trained_on, settings, variant, seed, place, jobs)
        except BaseException:
            ended.set()
            raise

    with ThreadPoolExecutor(jobs) as at_once:
        try:
            for training in [at_once.submit(train_one, *one) for one in todo]:
                training.result()
        finally:
            ended.set()
    results: dict[str, list[dict]] = {variant.name: [] for variant in chosen}
    for variant, _, place in asked:
        results[variant.name].append(read_json(os.path.join(place, _RESULT)))
    shutil.rmtree(os.path.join(folder, "topics"), ignore_errors=True)  # copies of the records
    write_json(os.path.join(folder, _JSON), results)
    write_text(os.path.join(folder, _TABLE), as_markdown(tables(results, OURS)))
    others = {name: differences(results[OURS], other) for name, other in others_of(results, OURS).items()}
    write_json(os.path.join(folder, _DIFFERENCES), to_plain(others))
    pair = reversed(chosen[:2])  # LSTM-I above LSTM-B, whose topics it chooses (Fig. 3)
    places = {one.name: os.path.join(folder, one.folder, f"seed-{settings.run.seed}") for one in pair}
    tallies = {name: Tally.load(place) for name, place in places.items()}
    links = {name: TopicLinks.load(place) for name, place in places.items()}
    picture = write_profiles(os.path.join(folder, "logs", "neurons"), tallies, links)
    write_bytes(os.path.join(folder, _PROFILES), picture)
    return results


def _is_done(place: str) -> bool:
    """Whether a training's folder holds all that it leaves; one that an earlier version measured is measured anew."""
    paths = [os.path.join(place, name) for name in _STUDIED]
    return all(map(os.path.exists, paths)) and is_complete(read_json(os.path.join(place, _RESULT)))


def _facts(outcome: Outcome, settings: Settings) -> dict[str, dict]:
    """What all trainings of a comparison share; the weights of the interpretive loss and the seeds are their own."""
    own = {"interpretive_weight", "topics", "seed"}
    shared = {
        "model": dataclasses.asdict(settings.model),
        "training": settings.training_config().fixed(),
        "captions": dataclasses.asdict(settings.decoding),
        "neurons": {"effect_videos": settings.neurons.effect_videos} | to_plain(settings.neurons.naming, False),
        "data": {"records": os.path.relpath(outcome.folder("Examples"), outcome.root)},
    }
    return {part: {name: value for name, value in facts.items() if name not in own} for part, facts in shared.items()}


def _train_and_study(outcome: Outcome, settings: Settings, variant: Variant, seed: int, place: str, jobs: int) -> None:
    """In a process of its own: graphs and kept frames, a gigabyte of them with Flickr8k, go with it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin_process, (jobs,)) as process:
        process.submit(_trained_and_studied, outcome, settings, variant, seed, place).result()


def _begin_process(jobs: int) -> None:
    """Takes this process its part of the cores, and ends it as soon as the one that asked for it is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=lambda: wait([parent.sentinel]) and os._exit(1), daemon=True).start()
    if jobs > 1:
        threads = max(1, (os.cpu_count() or 1) // jobs)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        threadpool_limits(threads)


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
            encoder=variant.encoder,
            **dataclasses.asdict(settings.model),
        ),
        training=settings.training_config(),
        work_dir=place,
        score_captions=None if settings.training.monitor == "loss" else EpochScores(),
        name_neurons=name_neurons,
        topic_words=read_json(os.path.join(outcome.folder("TransformGraph"), TOPIC_WORDS_FILE)),
        shuffle_topics=variant.shuffle_topics,
        progress=lambda what, share=None: print_progress(f"{variant.name}, seed {seed}: {what}"),  # several may run
    )
    held_out = list(records.read(files["val"]))
    tally, links, figures, effects = study_neurons(
        result.captioner, vocabulary, records.read(files["train"]), held_out, topics, seed=seed,
        effect_videos=settings.neurons.effect_videos, naming=settings.neurons.naming,
        training=drawn(records.read(files["train"]), settings.neurons.effect_videos, seed),
        decoding=dataclasses.asdict(settings.decoding),
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
    write_json(os.path.join(place, _RESULT), measured)
