"""The paper's experiment on corrections, on a run's model: `topiclens experiment corrections`."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from topiclens.components.captions.evaluator import References, evaluate_captions
from topiclens.components.captions.meteor import SharedMeteor
from topiclens.components.neurons.activations import NeuronModel, NeuronsError, encoder_of, mean_activations
from topiclens.components.neurons.effects import sampled
from topiclens.components.neurons.enhancement import enhancement_of
from topiclens.components.neurons.links import TopicLinks, link
from topiclens.components.neurons.pdm import Tally, tally
from topiclens.components.neurons.study import fit_perceptron
from topiclens.components.refinement.candidate_captioner import CandidateCaptioner
from topiclens.components.refinement.edit_targets import halves
from topiclens.components.refinement.experiment import Experiment, Others, Result, Together
from topiclens.components.refinement.gate import gained
from topiclens.components.refinement.half_trials import MIN_SHARE, HalfTrials, InaccurateCaption, find_missing
from topiclens.components.refinement.nearness import VIDEOS
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.pipeline.run_metadata import Outcome, dataset_rows, split_files, split_videos
from topiclens.schemas import records
from topiclens.schemas.files import read_bytes, read_json, write_json, write_text
from topiclens.schemas.plain import from_plain, to_plain
from topiclens.schemas.progress import Progress, print_progress
from topiclens.schemas.records import VideoRecord
from topiclens.trainer.export import load_captioner
from topiclens.trainer.exported import weights_path

METRICS = ("BLEU-4", "METEOR", "CIDEr")
JUDGED = 200  # videos whose captions are judged after each refinement, unless all are asked for
_DECISIVE = (  # settings of the refinement that the results follow from; the gate's are not asked
    "neurons", "strength_factor", "max_strength", "nearness", "mu", "max_cost",
)  # fmt: skip
_METHOD = 7  # counts the ways in which the same settings were followed: what was kept of another is not taken
_TABLE, _JSON, _BASELINE = "corrections.md", "corrections.json", "without-topics"


class NothingToCorrect(ValueError):
    """A split on which the experiment has nothing to work with."""


def correct_halves(
    outcome: Outcome,
    settings: RefinementSettings,
    *,
    items: int = 20,
    split: str = "val",
    min_share: float | None = None,
    alternating: bool = False,
    full: bool = False,
    baseline: Outcome | None = None,
    folder: str,
    progress: Progress = print_progress,
) -> Experiment:
    """Corrects with one half of a video's frames and tests with the other, video after video.

    Each video is taught to the same parent, as in the paper; then all of them at once. What is done is kept, a file for
    each video, in a folder of its own for each model, links and settings, and not done again. The same call gives the
    same results, but for the seconds that things took.

    Args:
        min_share: of a video's human captions that must say the topic; None for the rule's own.
        baseline: of a run whose model never learnt topics (LSTM-B), on the same dataset: the same is done with it,
            through an f that is fitted afterwards and the neurons that this f names.
        alternating: takes every second frame for a half, in place of halves cut in the middle.
    Raises:
        NothingToCorrect: the rule finds no video.
        topiclens.pipeline.run_metadata.NothingThere: the run did not come so far.
    """
    min_share = MIN_SHARE if min_share is None else min_share
    options = dict(items=items, split=split, min_share=min_share, alternating=alternating, full=full, progress=progress)
    candidates = _named(outcome, settings)
    experiment = _experiment(outcome, candidates, settings, folder=folder, required=True, **options)
    if baseline is not None:
        progress(f"The same with {baseline.model}, which never learnt topics")
        without = _named_afterwards(outcome, baseline, candidates, settings)
        found = _experiment(baseline, without, settings, folder=os.path.join(folder, _BASELINE), **options)
        experiment = replace(experiment, baseline=found)
    write_json(os.path.join(folder, _JSON), experiment.to_json())
    write_text(os.path.join(folder, _TABLE), experiment.to_markdown())
    return experiment


def _named(outcome: Outcome, settings: RefinementSettings) -> CandidateCaptioner:
    """A run's model with the names that it gave its neurons."""
    named = outcome.folder("topiclens.NeuronLinks")
    links = TopicLinks.load(named)
    return CandidateCaptioner(outcome.model, links, enhancement_of(links, Tally.load(named), settings.neurons))


def _named_afterwards(
    outcome: Outcome, baseline: Outcome, named: CandidateCaptioner, settings: RefinementSettings
) -> CandidateCaptioner:
    """A model that never learnt topics, its neurons named through an f that is fitted to it (eq. 8, the encoder held).

    The topics, and the words that name them, are those of the other run, whose training videos fit f.
    """
    captioner, vocabulary, _ = load_captioner(baseline.model)
    if captioner.config.interpretive_weight:
        raise NeuronsError(
            f"The model in {baseline.model} learnt topics itself; expected one that was trained with "
            "model.interpretive_weight=0."
        )
    encode = encoder_of(captioner)
    seen = mean_activations(records.read(split_files(outcome, "train")), encode)
    f = fit_perceptron(seen.mean, seen.topics, seed=settings.seed, units=captioner.config.topic_units)
    captioner.topic_perceptron.set_weights([f.hidden, f.hidden_bias, f.score, f.score_bias])
    counted = tally(seen.mean, seen.topics, f)
    links = link(counted, named.links.topics)
    loaded = NeuronModel(captioner, vocabulary, encode, f)
    candidates = CandidateCaptioner(
        baseline.model, links, enhancement_of(links, counted, settings.neurons), loaded=loaded
    )
    candidates.naming = named.naming
    return candidates


def _experiment(
    outcome: Outcome,
    candidates: CandidateCaptioner,
    settings: RefinementSettings,
    *,
    items: int,
    split: str,
    min_share: float,
    alternating: bool,
    full: bool,
    folder: str,
    progress: Progress,
    required: bool = False,
) -> Experiment:
    """The experiment on one model; NothingToCorrect where something is required and the rule finds no video."""
    links, enhancement = candidates.links, candidates.enhancement
    videos = split_videos(outcome, split)
    train = list(itertools.islice(records.read(split_files(outcome, "train")), 2 * VIDEOS))
    told = {"split": split, "alternating": alternating, "min_share": min_share}
    told |= {f"refinement.{name}": getattr(settings, name) for name in _DECISIVE}
    told |= {f"decoding.{name}": value for name, value in candidates.meta["decoding"].items()}
    kept = _Kept(os.path.join(folder, _fingerprint(outcome, links, told)))
    halved = _halves(videos, alternating)

    parents = kept.of("captions", lambda: _captions_of_halves(candidates, halved, progress))
    for video_id, captions in parents.items():
        candidates.untouched.captions.update(zip((half.video_id for half in halved[video_id]), captions))
    found = find_missing(
        videos, parents, links, enhancement, candidates.vocabulary, candidates.naming, min_share=min_share
    )
    for stage, count in found.counts:
        progress(f"{count:7d}  {stage}")
    if required and not found.items:
        raise NothingToCorrect(
            f"No video of {split} has an inaccurate caption by the rule, whose stages left "
            f"{[count for _, count in found.counts]} of them. Ask for a smaller share of human captions that "
            "say the topic (--said-by), or for another split."
        )
    with SharedMeteor() as meteor:
        judge = _Judge(videos, len(videos) if full else JUDGED, settings.seed, meteor)
        before = kept.of(f"metrics-{judge.name}", lambda: judge(candidates, candidates.untouched))
        progress(f"Before: {_said(before)}, of {judge}.")
        trials = HalfTrials(candidates, settings, train)
        results = _in_turn(trials, found.items, halved, items, kept, judge, progress)
        together = _at_once(trials, results, halved, kept, judge, progress)
    return Experiment(
        parts=_parts(outcome, split, alternating),
        alike=float(np.mean([_words_in_common(*captions) for captions in parents.values()])),
        counts=found.counts,
        results=results,
        together=together,
        metrics=before,
        videos=str(judge),
        settings=told,
    )


def _in_turn(trials, found, halved, items, kept, judge, progress) -> list[Result]:
    """Results of videos in the rule's order until so many could be enhanced, or there are no more."""
    results, began, fresh = [], time.monotonic(), 0
    for rank, item in enumerate(found):
        done = sum(result.enhanced for result in results)
        if done == items:
            break
        name = f"{rank:04d}-{judge.name}"
        fresh += not os.path.exists(kept.path(name))
        result = from_plain(Result, kept.of(name, lambda item=item: to_plain(_corrected(trials, item, halved, judge))))
        results.append(result)
        if not result.enhanced:
            progress(f"{item.video_id}: {result.forth.why} Passed over.")
            continue
        left = (time.monotonic() - began) / fresh * (items - done - 1) / 60 if fresh else 0.0
        progress(
            f"{done + 1} of {items}: {item.video_id}, {item.name}: “{result.forth.tested.captions[0]}” → "
            f"“{result.forth.tested.captions[1]}”, {_said(result.metrics)}"
            + (f"; about {left:.0f} min left" if fresh and done + 1 < items else "")
        )
    return results


def _corrected(trials, item: InaccurateCaption, halved, judge) -> Result:
    """One video: there and back, the control, and the metrics."""
    first, second = halved[item.video_id]
    forth, candidate = trials.correct(item, first, second, "first → second")
    if candidate is None:
        return Result(item, forth)
    back, _ = trials.correct(item, second, first, "second → first")
    other, controlled = trials.control(item, forth, first, second)
    metrics, others = judge(trials.candidates, candidate), judge.others(trials.candidates, candidate, item)
    return Result(item, forth, back, other, controlled, metrics, others)


def _at_once(trials, results, halved, kept, judge, progress) -> Together | None:
    """All that could be enhanced in one batch; None where none could."""
    done = [result for result in results if result.enhanced]
    if not done:
        return None
    row = kept.of(f"together-{len(done)}-{judge.name}", lambda: to_plain(_together(trials, done, halved, judge)))
    progress(f"All {len(done)} at once: {_said(row['metrics'])}")
    return from_plain(Together, row)


def _together(trials, results: Sequence[Result], halved, judge) -> Together:
    """The first halves of all of them in one batch."""
    began = time.monotonic()
    targets = [(result.item, halved[result.item.video_id][0], result.forth.strength) for result in results]
    (_, candidate), mu = trials.furthest(targets)
    compare = trials.candidates.before_and_after
    tested = {
        item.video_id: compare(candidate, halved[item.video_id][1], item.topic, item.words)
        for item in (result.item for result in results)
    }
    seconds = time.monotonic() - began
    return Together(tested, judge(trials.candidates, candidate), mu, seconds)


class _Kept:
    """Results that outlive a killed run: a JSON file each."""

    def __init__(self, folder: str):
        self._folder = folder

    def path(self, name: str) -> str:
        return os.path.join(self._folder, f"{name}.json")

    def of(self, name: str, compute: Callable[[], Mapping]) -> dict:
        """What was kept under a name, computed first where nothing was."""
        if not os.path.exists(self.path(name)):
            write_json(self.path(name), compute())
        return read_json(self.path(name))


class _Judge:
    """Metrics of the captions that a candidate writes of `count` of the videos, the same ones for the same seed."""

    def __init__(self, videos: Sequence, count: int, seed: int, meteor: SharedMeteor):
        self._meteor = meteor
        chosen = sampled((video.video_id for video in videos), count, seed)
        self._videos = [video for video in videos if video.video_id in chosen]
        self._references = References({video.video_id: video.captions for video in self._videos})
        self._all = len(videos)
        self.name = f"{len(self._videos)}-videos"

    def __str__(self) -> str:
        some = "" if len(self._videos) == self._all else f" of {self._all}, drawn by the seed"
        return f"the captions of {len(self._videos)}{some} videos"

    def __call__(self, candidates, candidate) -> dict[str, float]:
        captions = candidates.captions(candidate, self._videos)
        return evaluate_captions(self._references, captions, METRICS, start_meteor=self._meteor.open).metrics

    def others(self, candidates, candidate, item: InaccurateCaption) -> Others:
        """What a refinement by one video did to the captions of the others."""
        videos = [video for video in self._videos if video.video_id != item.video_id]
        before, after = (candidates.captions(one, videos) for one in (candidates.untouched, candidate))
        without = [
            video.video_id
            for video in videos
            if not video.topics[item.topic] and not gained(item.words, "", before[video.video_id])
        ]
        return Others(
            judged=len(videos),
            unchanged=sum(before[video_id] == after[video_id] for video_id in before),
            without=len(without),
            wrongly_gained=sum(bool(gained(item.words, "", after[video_id])) for video_id in without),
        )


def _halves(videos: Sequence[VideoRecord], alternating: bool) -> dict[str, tuple[VideoRecord, VideoRecord]]:
    """Video id -> its halves, of the videos that have two."""

    def ordered(video: VideoRecord) -> VideoRecord:
        # Of an odd number of frames the second half has one more, and so have the frames 0, 2, 4 ...
        return replace(video, frames=np.concatenate([video.frames[1::2], video.frames[::2]])) if alternating else video

    return {video.video_id: parts for video in videos if (parts := halves(ordered(video))) is not None}


def _captions_of_halves(candidates, halved, progress, batch: int = 100) -> dict[str, tuple[str, str]]:
    """Video id -> the parent's captions of both halves."""
    began, captions, pairs = time.monotonic(), {}, list(halved.items())
    for start in range(0, len(pairs), batch):
        some = pairs[start : start + batch]
        written = candidates.captions(candidates.untouched, [half for _, parts in some for half in parts])
        captions.update((video_id, tuple(written[half.video_id] for half in parts)) for video_id, parts in some)
        left = (time.monotonic() - began) / len(captions) * (len(pairs) - len(captions))
        progress(f"Captions of both halves: {len(captions)} of {len(pairs)} videos, about {left:.0f} s left")
    return captions


def _words_in_common(one: str, other: str) -> float:
    """Jaccard's index."""
    one, other = set(one.split()), set(other.split())
    return len(one & other) / max(len(one | other), 1)


def _fingerprint(outcome: Outcome, links: TopicLinks, told: Mapping) -> str:
    """Of all that the results follow from: the method, the model's weights, the links, the videos and the settings."""
    digest = hashlib.sha256(json.dumps([_METHOD, told, outcome.folder("Examples")], sort_keys=True).encode())
    digest.update(read_bytes(weights_path(outcome.model)))
    digest.update(json.dumps(to_plain(links), sort_keys=True).encode())
    return digest.hexdigest()[:12]


def _parts(outcome: Outcome, split: str, alternating: bool) -> str:
    """What is halved, and how; only photos come as bundles of features, a region a row."""
    first = next((row for row in dataset_rows(outcome) if row["split"] == split), {})
    how = "by turns" if alternating else "in the middle"
    if ".npz#" in first.get("features", ""):
        return f"the regions of each photo, halved {how}: they are no moments of a video"
    return f"the frames of each video, halved {how}"


def _said(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
