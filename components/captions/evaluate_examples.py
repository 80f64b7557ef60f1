"""An exported model, examined: its captions of every split asked for, judged whole, by topic and by label."""

import logging
from collections.abc import Mapping, Sequence

from topiclens.components.captions import generate, slices
from topiclens.components.captions.evaluator import METRICS, SMALL_SLICE, CaptionEvaluation, evaluate_captions

_log = logging.getLogger(__name__)


def evaluate_examples(
    model_dir: str,
    splits: Mapping[str, str],
    *,
    topic_names: Mapping[int, str] | None = None,
    metrics: Sequence[str] = METRICS,
    small_slice: int = SMALL_SLICE,
) -> dict[str, CaptionEvaluation]:
    """Captions and judges the records of each split.

    Args:
        model_dir: the exported model.
        splits: the folder of record files of each split.
        topic_names: topic number -> name, by which its slice is called.
        metrics: which of `evaluator.METRICS` to measure.
        small_slice: a slice of fewer videos is marked as small.
    Returns:
        One evaluation a split.
    """
    evaluations = {}
    for split, folder in splits.items():
        captions, videos = generate.caption_examples(
            model_dir, folder, progress=lambda what, share=None: _log.info("captions: %s", what)
        )
        evaluations[split] = evaluate_captions(
            {video.video_id: video.captions for video in videos},
            captions,
            metrics,
            slices=slices.of_records(videos, topic_names),
            small_slice=small_slice,
        )
    return evaluations
