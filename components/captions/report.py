"""What an evaluation leaves behind: `metrics.json` for programs, `captions.jsonl` to search, `summary.md` to read."""

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping, Sequence

from topiclens.components.captions.evaluator import CaptionEvaluation
from topiclens.components.captions.settings import METRICS
from topiclens.schemas.files import read_json, write_json, write_text
from topiclens.schemas.json_lines import write_rows
from topiclens.schemas.plain import to_plain
from topiclens.schemas.tables import markdown_table

METRICS_FILE, CAPTIONS_FILE, SUMMARY_FILE = "metrics.json", "captions.jsonl", "summary.md"
EXAMPLES = 5  # best and worst captions shown of each split


def write_report(
    folder: str | os.PathLike, evaluations: Mapping[str, CaptionEvaluation], *, examples: int = EXAMPLES
) -> None:
    """Writes the three files; the summary shows `examples` of the best and of the worst captions of each split."""
    folder = pathlib.Path(folder)
    figures = {"splits": {split: split_figures(evaluation) for split, evaluation in evaluations.items()}}
    rows = [row for split, evaluation in evaluations.items() for row in caption_rows(split, evaluation)]
    write_rows(folder / CAPTIONS_FILE, rows)
    write_text(folder / SUMMARY_FILE, format_summary(evaluations, examples=examples))
    write_json(folder / METRICS_FILE, figures)


def read_figures(folder: str | os.PathLike) -> dict[str, dict]:
    """The figures by split that `write_report` left in a folder."""
    path = pathlib.Path(folder) / METRICS_FILE
    try:
        return read_json(path)["splits"]
    except FileNotFoundError as error:
        raise FileNotFoundError(f"There is no {path}. Has the step that judges captions run?") from error


def split_figures(evaluation: CaptionEvaluation) -> dict:
    """A split's entry of metrics.json.

    Two models' figures compare, CIDEr's above all, only where `references_sha256` is the same.
    """
    return {
        "videos": len(evaluation.captions),
        "references_sha256": _fingerprint(evaluation.references),
        "metrics": evaluation.metrics,
        "not_measured": evaluation.not_measured,
        "slices": to_plain(evaluation.slices),
    }


def caption_rows(split: str, evaluation: CaptionEvaluation) -> list[dict]:
    """One row a video: its caption, those of people, and the figures."""
    return [
        {
            "video_id": video_id,
            "split": split,
            "caption": evaluation.captions[video_id],
            "references": evaluation.references[video_id],
            "scores": {metric: round(value, 6) for metric, value in scores.items()},
        }
        for video_id, scores in evaluation.by_video.items()
    ]


def best_and_worst(evaluation: CaptionEvaluation, count: int) -> tuple[list[str], list[str]]:
    """Video ids of the captions with the highest and the lowest CIDEr (or last metric measured), no id in both."""
    metric = next(reversed(evaluation.metrics), None)
    if metric is None:
        return [], []
    ranked = sorted(evaluation.by_video, key=lambda video_id: (-evaluation.by_video[video_id][metric], video_id))
    count = min(count, len(ranked) // 2)
    return ranked[:count], ranked[len(ranked) - count :][::-1]


def format_summary(evaluations: Mapping[str, CaptionEvaluation], *, examples: int = EXAMPLES) -> str:
    """The evaluation as Markdown: a row a split, a row a slice, and captions beside those of people."""
    measured = [metric for metric in METRICS if any(metric in j.metrics for j in evaluations.values())]
    lines = ["# Captions, judged", ""]
    rows = [(split, len(j.captions), *_cells(j.metrics, measured)) for split, j in evaluations.items()]
    lines.append(markdown_table(("split", "videos", *measured), rows))
    for metric, reason in sorted({item for j in evaluations.values() for item in j.not_measured.items()}):
        lines += ["", f"{metric} not measured: {reason}."]
    for split, evaluation in evaluations.items():
        if evaluation.slices:
            rows = [
                (_plain(name), f"{part.videos}{' (few)' if part.small else ''}", *_cells(part.metrics, measured))
                for name, part in evaluation.slices.items()
            ]
            lines += ["", f"## {split}, by slice", "", markdown_table(("slice", "videos", *measured), rows)]
        for title, videos in zip(("Best", "Worst"), best_and_worst(evaluation, examples), strict=True):
            texts = [(name, evaluation.captions[name], evaluation.references[name][0]) for name in videos]
            rows = [(*map(_plain, three), *_cells(evaluation.by_video[three[0]], measured)) for three in texts]
            if rows:
                head = ("video", "caption", "a person wrote", *measured)
                lines += ["", f"## {title} captions of {split}", "", markdown_table(head, rows)]
    return "\n".join(lines) + "\n"


def _fingerprint(references: Mapping[str, Sequence[str]]) -> str:
    canonical = json.dumps({video_id: sorted(texts) for video_id, texts in references.items()}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _cells(metrics: Mapping[str, float], names: Sequence[str]) -> list[str]:
    return [f"{metrics[name]:.3f}" if name in metrics else "–" for name in names]


def _plain(text: str) -> str:
    return text.strip() or "(empty)"
