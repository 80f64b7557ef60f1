"""ROUGE-L as coco-caption computes it (Lin, *ROUGE*, 2004, §3)."""

from collections.abc import Sequence

BETA = 1.2  # recall counts beta times as much as precision; coco-caption's choice


def common_subsequence_length(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest sequence of words that both have in that order, gaps allowed."""
    previous = [0] * (len(right) + 1)
    for word in left:
        current = [0]
        for column, other in enumerate(right):
            current.append(previous[column] + 1 if word == other else max(previous[column + 1], current[column]))
        previous = current
    return previous[-1]


def rouge_l(references: Sequence[str], caption: str) -> float:
    """F-measure of the longest common subsequence (eq. 2-4) of a tokenised caption with its tokenised references.

    As in coco-caption, the best precision and the best recall may come from two different references.
    """
    if not caption:
        return 0.0
    words = caption.split(" ")
    precision = recall = 0.0
    for reference in references:
        reference_words = reference.split(" ")
        common = common_subsequence_length(reference_words, words)
        precision = max(precision, common / len(words))
        recall = max(recall, common / len(reference_words))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)
