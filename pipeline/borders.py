"""Do the words look at the first and last frames only because of how frames were sampled? Asked of a run's model."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pipeline.lineage import Outcome


class TooFewFrames(ValueError):
    """Records that leave a sampling policy nothing to choose."""


def measure_borders(
    outcome: Outcome,
    *,
    model: str | None = None,
    n_frames: int,
    steps: Sequence[int],
    videos: int,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> None:
    """Prints the border index and the captions' CIDEr under every sampling policy, and which one to sample by.

    The policies take their frames among those that the run's records hold, so these should hold more than `n_frames`.

    Args:
        outcome: of a run.
        model: an exported model; None is the run's own.
        n_frames: frames that a policy takes.
        steps: of the policies with a fixed step.
        videos: validation videos used, at most; the first by id.
        seed: of the random clips and the intervals.
        say: takes the lines.
    Raises:
        TooFewFrames: no validation video has more frames than `n_frames`.
    """
    from components.captions.generate import pad
    from components.captions.judge import EpochScores
    from components.relevance.sampling import recommend, study_policies
    from schemas import records
    from trainer.export import load_captioner
    from trainer.validation import CaptionWriter
    from trainer.vocabulary import EOS

    captioner, vocabulary, meta = load_captioner(model or outcome.model)
    files = records.files_of(os.path.join(outcome.folder("Examples"), "Split-val"))
    chosen = sorted(
        (video for video in records.read(files) if len(video.frames) > n_frames), key=lambda video: video.video_id
    )[:videos]
    if not chosen:
        raise TooFewFrames(
            f"No validation video holds more than {n_frames} frames, so every policy would take the same ones. Ask for "
            "fewer by --frames, or run the pipeline with a larger features.n_frames."
        )
    references = {video.video_id: video.captions for video in chosen}
    judge = EpochScores(("CIDEr",))
    captions_of = CaptionWriter(captioner, vocabulary, max_words=meta["decoding"]["max_words"])

    def write(sampled: Mapping[str, np.ndarray]) -> dict[str, list[int]]:
        batch = pad([dataclasses.replace(video, frames=sampled[video.video_id]) for video in chosen])
        captions = captions_of([(list(references), batch)])
        return {video_id: [*vocabulary.encode(caption), EOS] for video_id, caption in captions.items()}

    def cider(captions: Mapping[str, Sequence[int]]) -> float:
        texts = {video_id: vocabulary.decode(words) for video_id, words in captions.items()}
        return judge(references, texts)["CIDEr"]

    say(f"{len(chosen)} validation videos, {n_frames} of their frames a policy; an index of 1 is no border effect\n")
    say(f"{'policy':20} {'border index':>12} {'95 % interval':>15} {'CIDEr':>7}")
    found = []
    for one in study_policies(captioner, chosen, n_frames=n_frames, steps=steps, write=write, metric=cider, seed=seed):
        found.append(one)
        interval = f"{one.effect.low:.3f}–{one.effect.high:.3f}"
        say(f"{one.name:20} {one.effect.index:12.3f} {interval:>15} {one.metric:7.3f}")
    best, now = recommend(found), found[0]
    say(
        f"\nSample by '{best.name}', without training again: the border index goes from {now.effect.index:.3f} to "
        f"{best.effect.index:.3f}, CIDEr from {now.metric:.3f} to {best.metric:.3f}."
        if best is not now
        else f"\nKeep '{now.name}': no policy has less of a border effect at the same CIDEr."
    )
