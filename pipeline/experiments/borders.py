"""Do the words look at the first and last frames only because of how frames were sampled? Asked of a run's model."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from topiclens.components.captions.evaluator import EpochScores
from topiclens.components.features.backbones import registry
from topiclens.components.features.extract import FeatureExtractor
from topiclens.components.relevance.border import ClipFeatures, PolicyEffect, candidates, frames_of_any, study_policies
from topiclens.components.videos.decoding import UnreadableVideo
from topiclens.components.videos.feature_files import FeatureError, read_features
from topiclens.components.videos.reader import sample_frames
from topiclens.components.videos.sampling import WITH_STEP, Sampling
from topiclens.pipeline.exports import sampling_of
from topiclens.pipeline.run_metadata import Outcome, dataset_rows
from topiclens.pipeline.settings import cache_folder
from topiclens.schemas.progress import Progress, print_progress
from topiclens.trainer.export import load_captioner
from topiclens.trainer.validation import CaptionWriter
from topiclens.trainer.vocabulary import EOS


class TooFewFrames(ValueError):
    """Videos that leave a sampling policy nothing to choose."""


def measure_borders(
    outcome: Outcome,
    *,
    model: str | None = None,
    n_frames: int | None = None,
    steps: Sequence[int],
    videos: int,
    seed: int = 0,
    progress: Progress = print_progress,
) -> list[PolicyEffect]:
    """Measures the border index and the captions' CIDEr under every sampling policy, the model's own first.

    The frames are taken of the validation videos themselves, so that a step here is the setting `features.step`.

    Args:
        model: an exported model; None is the run's own.
        n_frames: frames that a policy takes; None as many as the model was trained on.
    Raises:
        TooFewFrames: no validation video has more frames than a policy takes.
        SamplingError: a number of frames or a step below 1.
    """
    directory = model or outcome.model
    own = sampling_of(directory, n_frames=n_frames)
    samplings = candidates(own, steps, seed)
    captioner, vocabulary, meta = load_captioner(directory)
    rows = sorted((row for row in dataset_rows(outcome) if row["split"] == "val"), key=lambda row: row["video_id"])
    chosen = list(itertools.islice(_features(rows, samplings, meta["features"]), videos))
    if not chosen:
        raise TooFewFrames(
            f"No validation video that can be read has more than {own.n_frames} frames, so every policy would take the "
            "same ones. Ask for fewer by --frames."
        )
    shown = {video.video_id for video in chosen}
    references = {row["video_id"]: row["captions"] for row in rows if row["video_id"] in shown}
    judge = EpochScores(("CIDEr",))
    writer = CaptionWriter(captioner, vocabulary, max_words=meta["decoding"]["max_words"])

    def write(sampled: Mapping[str, np.ndarray]) -> dict[str, list[int]]:
        batch = np.zeros((len(sampled), own.n_frames, captioner.config.feature_dim), np.float32)
        for row, frames in zip(batch, sampled.values()):
            row[: len(frames)] = frames
        captions = writer([(list(sampled), batch)])
        return {video_id: [*vocabulary.encode(caption), EOS] for video_id, caption in captions.items()}

    def cider(captions: Mapping[str, Sequence[int]]) -> float:
        texts = {video_id: vocabulary.decode(words) for video_id, words in captions.items()}
        return judge(references, texts)["CIDEr"]

    progress(f"{len(chosen)} validation videos, {own.n_frames} frames a policy; an index of 1 is no border effect")
    found = []
    for one in study_policies(captioner, chosen, samplings, write=write, metric=cider, seed=seed):
        found.append(one)
        progress(f"Measured {one.sampling.name}, policy {len(found)} of {len(samplings)}")
    return found


def advice(now: PolicyEffect, best: PolicyEffect, trained: Sampling) -> str:
    """What to do about the border effect, in words: the options and settings that give the better sampling."""
    if best.sampling == now.sampling:
        return f"Keep '{now.sampling.name}': no policy has clearly less of a border effect at the same CIDEr."
    chosen = {"sampling": best.sampling.policy}
    if best.sampling.policy in WITH_STEP:
        chosen["step"] = best.sampling.step
    if best.sampling.n_frames != trained.n_frames:
        chosen["n_frames"] = best.sampling.n_frames
    options = " ".join(f"--{name.removeprefix('n_')} {value}" for name, value in chosen.items())
    settings = " ".join(f"--set features.{name}={value}" for name, value in chosen.items())
    return (
        f"Sample by '{best.sampling.name}': the border index goes from {now.effect.index:.3f} to "
        f"{best.effect.index:.3f}, CIDEr from {now.metric:.3f} to {best.metric:.3f}.\n"
        f"Without training again: topiclens caption VIDEO {options}\n"
        f"As a setting of new runs: {settings}"
    )


def _features(rows: Iterable[Mapping], samplings: Sequence[Sampling], features: Mapping) -> Iterator[ClipFeatures]:
    """Features at the frames that any policy takes, of the rows that leave the policies a choice."""

    @functools.cache
    def network():
        return FeatureExtractor(registry.load(features["backbone"], features.get("weights"), cache_folder()))

    def read(row: Mapping) -> ClipFeatures:
        video_id = row["video_id"]
        if "path" not in row:
            whole = read_features(row["features"])
            return ClipFeatures(video_id, len(whole), np.arange(len(whole)), whole)
        choose = functools.partial(frames_of_any, samplings, video_id=video_id)
        sampled = sample_frames(row["path"], choose=choose, start=row.get("start"), end=row.get("end"))
        ((_, known),) = network()([(video_id, sampled.frames)])
        return ClipFeatures(video_id, sampled.total, np.array(sampled.indices), known)

    for row in rows:
        try:
            video = read(row)
        except (UnreadableVideo, FeatureError, OSError):
            continue
        if video.total > samplings[0].n_frames:
            yield video
