"""The rule that finds inaccurate captions, on videos whose captions are written by hand."""

import numpy as np

from tests.components.neurons.planted import NEURONS, VOCABULARY, links
from topiclens.components.neurons.enhancement import named_enhancement
from topiclens.components.refinement.half_trials import InaccurateCaption, find_missing
from topiclens.schemas.plain import from_plain, to_plain
from topiclens.schemas.records import VideoRecord

DOG, MAN, SEA = np.eye(3, dtype=np.int64)  # topics; only the dog's and the man's have a neuron and a known word
NOTHING = ("a", "a")
NAMING = [topic.words for topic in links().topics]


def video(name, topics, *captions):
    return VideoRecord(name, "val", np.zeros((0, 6), np.float32), captions, topics)


def found(videos, captions=NOTHING, **rule):
    said = {one.video_id: captions for one in videos} if isinstance(captions, tuple) else captions
    return find_missing(videos, said, links(), named_enhancement(links()), VOCABULARY, NAMING, **rule)


def test_a_topic_is_missing_where_people_say_it_and_neither_half_does():
    clip = video("clip", MAN, "A man runs.", "The man!", "he runs")
    assert found([clip]).items == (InaccurateCaption("clip", 1, "man", ("man",), 2, 3, NOTHING),)
    for captions in (("a man", "a"), ("a", "a man"), ("man", "man")):
        assert not found([clip], captions).items
    assert not found([clip], min_share=0.7).items
    assert not found([video("clip", DOG, *clip.captions)]).items  # the video's topic must be it


def test_a_word_that_does_not_name_the_topic_does_not_count():
    clip = video("clip", MAN, "man", "man")
    weak = [("dog",), ("he",), ("sea",)]  # of the man's topic "man" says too little
    search = find_missing([clip], {"clip": NOTHING}, links(), named_enhancement(links()), VOCABULARY, weak)
    assert not search.items and dict(search.counts)["that at least 50% of its human captions say"] == 0


def test_a_topic_that_cannot_be_enhanced_or_said_is_no_item():
    clip = video("clip", SEA + MAN, "waves", "waves")
    assert not found([clip]).items
    nothing = np.zeros((3, NEURONS))
    search = find_missing([video("clip", MAN, "man", "man")], {"clip": NOTHING}, links(), nothing, VOCABULARY, NAMING)
    assert not search.items


def test_of_a_video_the_topic_that_most_people_say_counts_and_such_videos_come_first():
    both = video("c", DOG + MAN, "a dog", "a dog and a man", "a man and a terrier")
    videos = [video("z", MAN, "man", "man"), both, video("b", MAN, "man", "a"), video("a", DOG, "dog", "a")]
    assert [(item.video_id, item.name) for item in found(videos).items] == [
        ("c", "dog"), ("z", "man"), ("a", "dog"), ("b", "man"),
    ]  # fmt: skip
    assert found(videos[::-1]).items == found(videos).items


def test_shares_count_and_not_numbers():
    videos = [video("few", MAN, "man", "man", "a"), video("many", MAN, *["man"] * 6, *["a"] * 6)]
    assert [item.video_id for item in found(videos).items] == ["few", "many"]


def test_every_stage_is_counted():
    videos = [
        video("single frame", MAN, "man", "man"),  # has no halves, so that nothing is said of it
        video("said", MAN, "man", "man"),
        video("seen by one", MAN, "man", "a", "a"),
        video("missing", DOG + MAN, "man", "man"),
        video("sea", SEA, "waves", "waves"),
    ]
    captions = {"said": ("a man", "a"), "seen by one": NOTHING, "missing": NOTHING, "sea": NOTHING}
    assert [count for _, count in found(videos, captions).counts] == [5, 4, 5, 3, 2, 1, 1]


def test_an_item_survives_being_kept():
    (item,) = found([video("clip", MAN, "man", "man")]).items
    assert from_plain(InaccurateCaption, to_plain(item)) == item
