"""How a caption agrees with what people said of the same video, in words."""

import statistics

from topiclens.components.captions.evaluator import References
from topiclens.components.captions.tokenizer import tokenize

AS_PEOPLE, PARTLY, UNLIKE = "as people say", "partly as people say", "unlike what people say"
_PARTLY = 0.25  # of the nearness among people; with less a caption is unlike theirs


def describe_agreement(references: References, video_id: str, caption: str) -> str | None:
    """Compares a caption's CIDEr with those of people, each against the others of the same video.

    Args:
        references: human captions of the video, and of others, which tell how rare each word is.
        caption: as written.
    Returns:
        `AS_PEOPLE` where it is as near to people's captions as the nearest quarter of these are to each other; `UNLIKE`
        below a quarter of that nearness; else `PARTLY`. None where only one person captioned the video.
    """
    people = references.sentences[video_id]
    if len(people) < 2:
        return None
    near = statistics.quantiles(
        [references.cider.score_one(video_id, sentence, without=number) for number, sentence in enumerate(people)],
        n=4, method="inclusive",
    )[2]  # fmt: skip
    score = references.cider.score_one(video_id, tokenize(caption))
    return AS_PEOPLE if score >= near > 0 else PARTLY if score > _PARTLY * near else UNLIKE
