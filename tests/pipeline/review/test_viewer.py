"""What a person sees of clips, by a stand-in for the served model that says "dog", or "man" if told so."""

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.components.neurons.planted import NEURONS, links
from tests.components.videos.conftest import write_clip
from topiclens.components.refinement.acquisition import (
    AcquisitionScore,
    MissingTopic,
    PredictedCaption,
    TopicWords,
)
from topiclens.components.refinement.outlook import Outlook
from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.topics.labels import OccurrenceRule
from topiclens.components.topics.model import TopicModel
from topiclens.components.topics.table import Topic
from topiclens.components.videos.sampling import Sampling
from topiclens.pipeline.review.backend import RefinementContext, RunReviewBackend
from topiclens.pipeline.review.clips import ClipMedia, Clips, review_splits
from topiclens.pipeline.review.jobs import Jobs
from topiclens.pipeline.review.outlooks import Outlooks
from topiclens.pipeline.review.ranking import ClipScorer, RankedClip, Ranking, Similar
from topiclens.pipeline.review.uploaded import UPLOADED, UploadedClips
from topiclens.pipeline.review.viewer import ReviewSources, Viewer, open_version
from topiclens.schemas import features
from topiclens.schemas.corrections import Assignment, CorrectedTopic, Event, Look, Opinion, State, now
from topiclens.schemas.jpeg_frames import encode_frames
from topiclens.schemas.progress import no_progress
from topiclens.schemas.stretches import Stretch
from topiclens.serving.answers import ExplainedCaption, WhatIf
from topiclens.serving.review.backend import NotFound, Refused, ReviewError
from topiclens.serving.review.shown import (
    ClipState,
    Described,
    NewClip,
    QueueFilter,
    ReviewedCaption,
    ReviewedCorrection,
    TopicChoice,
)
from topiclens.trainer.vocabulary import Vocabulary

FRAMES, DIM = 4, 3
SAYS = {"7": "dog dog dog", "8": "man man man"}
_rng = np.random.default_rng(3)
WHY = {
    "logits": np.array([9.0, 8.0, 7.0]), "frame_relevance": _rng.normal(size=(3, FRAMES)),
    "neuron_relevance": _rng.normal(size=(3, NEURONS)), "word_relevance": _rng.normal(size=(3, 3)),
}  # fmt: skip
PEOPLE = {"v0": ("a man",), "v1": ("dog dog dog",), "v2": ("dog dog dog",)}
CAPTIONS = {**PEOPLE, "t0": ()}


class ServedModel:
    """Says "dog" of every clip, and "man" where topic 1 is enhanced by 1 or more; sees topic 1 in the first.

    Its version 8 says "man" of every clip.
    """

    def __init__(self):
        self.asked, self.asked_why, self.served = 0, 0, "7"

    def version(self):
        return self.served

    def explain(self, clips, version, relevance=False):
        self.asked += len(clips)
        self.asked_why += relevance
        attention = np.full((3, FRAMES), 1 / FRAMES)
        scores = np.array([0.1, 0.8, 0.2])
        activations = np.linspace(-1, 1, FRAMES * NEURONS).reshape(FRAMES, NEURONS)
        said = SAYS[self.served]
        answer = ExplainedCaption(said, -3.0, tuple(said.split()), attention, activations, scores)
        return [dataclasses.replace(answer, **(WHY if relevance else {})) for _ in clips]

    def what_if(self, frames, strengths, version=None, held=None):
        self.held = held
        told = [strength.get(1, 0.0) >= 1 for strength in strengths]
        return [WhatIf("man man man" if man else "dog dog dog", -3.0, np.array([0.1, 0.9, 0.2])) for man in told]


def corrected(state, caption=None):
    missed, event = CorrectedTopic(1, "man", ("man",)), Event(state, now(), "Ann", caption)
    return ReviewedCorrection("a" * 32, now(), "Ann", "v0", "0" * 64, missed, "dog dog dog", "7", (event,))


class ReviewBackend(Viewer):
    told = ()

    looked, shared, written = (), (), ()

    def corrections(self, state=None):
        return self.told

    def looks(self):
        return self.looked

    def assignments(self):
        return self.shared

    def written_captions(self):
        return self.written


def record(name):
    rng = np.random.default_rng(int(name[1:]))
    return {
        features.VIDEO_ID: name.encode(),
        features.CAPTIONS: np.array([text.encode() for text in CAPTIONS[name]], object),
        features.FRAMES: rng.normal(size=(FRAMES, DIM)).astype(np.float32),
        features.TOPICS: np.array([1, 0, 0]),
    }


@pytest.fixture
def served():
    return ServedModel()


@pytest.fixture
def backend(tmp_path, served):
    film = write_clip(tmp_path / "film.mp4", FRAMES)
    rows = {"v0": {"video_id": "v0", "path": str(film)}, "v1": {"features": "v1.npy"}, "v2": {"features": "v2.npy"}}
    rows = {name: {**row, "split": "val", "content": "0" * 64} for name, row in rows.items()}
    rows["t0"] = {**rows["v2"], "split": "train"}

    def extract(jpegs):
        return np.ones((len(jpegs), DIM), np.float32)

    uploaded = UploadedClips(str(tmp_path), {"n_frames": FRAMES}, lambda: extract)
    readers = {"val": lambda: map(record, PEOPLE), "train": lambda: [record("t0")], UPLOADED: uploaded.records}
    clips = Clips(rows, readers, {"train"})
    clips.choose("val")
    table = tuple(Topic(link.id, link.name, link.words, None, 0.5) for link in links().topics)
    model = TopicModel(("dog", "man", "waves"), 9 * np.eye(3, dtype=int), 1, 0.1, 0.01, OccurrenceRule(), 0, table)
    scorer = ClipScorer(clips, TopicWords.of(model), lambda: Similar.of(map(record, PEOPLE)), 2)

    class PredictionCache:
        def __init__(self, version):
            self.said = {
                name: PredictedCaption(SAYS[version], -3.0, np.zeros(3)) for name in clips.ids(["val", "train"])
            }

        def complete(self, explain):
            yield len(self.said)

    ranking = Ranking(scorer, clips, PredictionCache, served.explain, no_progress)
    topics = [TopicChoice(link.id, link.name, link.words, len(link.neurons)) for link in links().topics]
    sampling = Sampling(n_frames=FRAMES)
    vocabulary = Vocabulary(["dog", "man"])
    sources = ReviewSources(
        clips, ClipMedia(clips, sampling), uploaded, sampling, lambda _: links(), lambda _: vocabulary,
        lambda _: [()] * len(topics), lambda _: topics, TopicWords.of(model),
    )  # fmt: skip
    outlooks = Outlooks(
        tmp_path / "outlooks",
        clips,
        lambda version, *asked: open_version(sources, served, version).outlook(*asked, RefinementSettings()),
    )
    return ReviewBackend("run", sources, served, ranking, outlooks)


@pytest.fixture
def closed(backend):
    """The same, where people banned the topic of men."""
    backend._sources = dataclasses.replace(backend._sources, closed={1: "banned"})
    return backend


def test_after_a_publication_the_queue_never_shows_clips_without_words(backend, served, monkeypatch):
    """It shows what the version before said, says so, and takes the new captions as they come."""
    before = queue(backend)
    assert before.waiting == 0 and all(item.captioned for item in before.items)
    go, of_version = threading.Event(), backend._ranking._predictions

    class Slow:
        def __init__(self, version):
            self.said = {}
            self._all = of_version(version).said

        def complete(self, explain):
            for name, said in self._all.items():
                go.wait(10)
                self.said[name] = said
                yield len(self.said)

    monkeypatch.setattr(backend._ranking, "_predictions", Slow)
    served.served = "8"
    at_once = backend.queue(10)
    assert at_once.waiting == len(PEOPLE)
    assert [item.video_id for item in at_once.items] == [item.video_id for item in before.items]
    for item in at_once.items:
        assert item.caption == SAYS["7"] and item.score > 0 and "as the version before said" in item.reasons[0]
    go.set()
    after = queue(backend)
    assert after.waiting == 0 and {item.caption for item in after.items} == {SAYS["8"]}
    assert not any("before said" in reason for item in after.items for reason in item.reasons)


def test_before_any_version_was_asked_a_clip_has_no_caption_and_says_so(backend, monkeypatch):
    monkeypatch.setattr(backend._ranking, "follow", lambda version: None)
    page = backend.queue(10)
    assert page.waiting == len(PEOPLE) and not any(item.captioned for item in page.items)
    assert page.items[0].reasons == ("not captioned yet",)


def queue(backend, count=len(PEOPLE), **asked):
    """The queue, once all is judged."""
    while len(backend._ranking.ordered()) < count:
        backend.queue(10)
    return backend.queue(10, **asked)


def test_the_queue_begins_with_the_clip_that_people_describe_otherwise(backend):
    found = queue(backend)
    assert found.total == 3 and [item.video_id for item in found.items] == ["v0", "v1", "v2"]
    assert found.items[0].score > found.items[1].score
    assert "1 of 1 people mention “man”, the caption does not" in found.items[0].reasons
    assert found.items[0].picture == FRAMES // 2 and found.items[1].picture is None


def test_what_is_said_of_a_clip_is_said_of_the_version_that_is_served_now(backend, served):
    queue(backend)
    assert "1 of 1 people mention “man”, the caption does not" in backend.clip("v0").reasons
    served.served = "8"
    clip = backend.clip("v0")
    assert clip.caption == "man man man" and not any("“man”" in reason for reason in clip.reasons)


def test_a_clip_that_was_corrected_goes_to_the_end_until_that_is_taken_back(backend):
    backend.told = (corrected(State.PREVIEWED),)
    assert [item.video_id for item in queue(backend).items] == ["v1", "v2", "v0"]
    assert backend.queue(10).items[-1].corrections == 1
    backend.told = (corrected(State.REVOKED),)
    assert [item.video_id for item in backend.queue(10).items] == ["v0", "v1", "v2"]


def test_the_queue_is_searched_and_read_in_pages(backend):
    assert [item.video_id for item in queue(backend, wanted=QueueFilter("V2 dog")).items] == ["v2"]
    assert backend.queue(1, 1).items == backend.queue(3).items[1:2] and backend.queue(1, 1).total == 3
    assert backend.queue(10, wanted=QueueFilter("cat")).total == 0


def test_the_queue_is_filtered_by_what_people_did_and_by_what_the_model_sees_or_misses(backend):
    backend.looked = (Look("Ann", "v1", "7", "0" * 64, "dog dog dog", Opinion.FINE, now()),)
    backend.told = (corrected(State.PREVIEWED),)

    def shown(**wanted):
        return [item.video_id for item in queue(backend, wanted=QueueFilter(**wanted), person="Ann").items]

    assert shown(state=ClipState.FINE) == ["v1"] and shown(state=ClipState.CORRECTED, reviewer="Ann") == ["v0"]
    assert shown(state=ClipState.NEW) == ["v2"] and shown(state=ClipState.NEW, reviewer="Ben") == ["v1", "v2", "v0"]
    assert shown(topic=1) == ["v0"], "people mention it, and the caption does not"
    assert shown(topic=2) == [] == shown(topic=99)
    found = backend.queue(1, person="Ann")
    assert (found.clips, found.looked_at, found.looked_at_by_any, found.next_id) == (3, 2, 2, "v2")
    assert found.reviewers == ("Ann",) and backend.queue(1, person="Ben").next_id == "v0"
    assert backend.clip("v0", "Ann").next_id == backend.clip("v1", "Ann").next_id == "v2"
    assert backend.clip("v2", "Ann").next_id is None and backend.clip("v2", "Ben").next_id == "v0"
    assert [mark.state for mark in backend.clip("v1").marks] == [ClipState.FINE]


def test_the_clips_of_a_split_are_read_when_somebody_asks_for_them_and_are_filtered_by_it(backend):
    assert [split.name for split in queue(backend).splits if split.for_review] == ["val", UPLOADED]
    assert "t0" not in backend._sources.clips.ids(["train"])
    assert backend.clip("t0").split == "train", "a link to a clip leads there, whatever its split"
    assert [item.video_id for item in queue(backend, 4, wanted=QueueFilter(split="train")).items] == ["t0"]
    everything = backend.queue(10, wanted=QueueFilter(split="any"))
    assert (everything.clips, everything.shown_splits) == (4, ("val", "train", UPLOADED))
    told = {kind: backend.queue(10, wanted=QueueFilter(split="any", described=kind)).total for kind in Described}
    assert told == {Described.YES: 3, Described.NO: 1}
    assert (backend.queue(10).clips, backend.queue(10).looked_at_by_any) == (3, 0)
    with pytest.raises(ReviewError, match="no clips of the split “nix” here. Choose val, train, uploaded"):
        backend.queue(10, wanted=QueueFilter(split="nix"))


@pytest.mark.parametrize(
    ("splits", "measured", "expected"),
    [
        (("test", "train", "val"), {"val"}, ("test",)),
        (("train", "val"), {"val"}, ("train",)),
        (("test", "train", "val"), {"test", "val"}, ("train",)),
        (("val",), {"val"}, ("val",)),
        (("test", "train", "val", UPLOADED), {"val"}, ("test", UPLOADED)),
        (("train", "val", UPLOADED), {"val"}, ("train", UPLOADED)),
    ],
)
def test_people_review_what_models_neither_learn_from_nor_are_judged_by(splits, measured, expected):
    assert review_splits(splits, measured) == expected


def test_what_a_person_wrote_suggests_the_topics_that_the_caption_lacks(backend):
    def wrote(text, by="Ann", **told):
        return ReviewedCaption(by, "v1", "7", "0" * 64, "val", text, now(), **told)

    queue(backend)
    assert not any(one.written_by for one in backend.clip("v1").suggestions)
    backend.written = (wrote("a man and his dog"), wrote("the man", "Ben"), wrote("waves", withdrawn_by="Cem"))
    clip = backend.clip("v1")
    spoken = {one.name: one for one in clip.suggestions if one.written_by}
    assert list(spoken) == ["man"], "the caption names the dog, and the waves were taken back"
    assert spoken["man"].written_by == ("Ann", "Ben")
    assert spoken["man"].reason.startswith("the caption that Ann and Ben wrote speaks of it")
    assert clip.written == backend.written and [mark.by for mark in clip.marks] == ["Ann", "Ben"]
    assert not backend.clip("v2").written


def test_a_caption_is_written_down_as_of_the_version_and_the_split_and_told_in_the_history(closed, tmp_path):
    context = RefinementContext(str(tmp_path), Jobs(tmp_path / "jobs"), (), RefinementSettings())
    backend = RunReviewBackend(context, "run", closed._sources, closed._served, closed._ranking, closed._outlooks)
    written = backend.write_caption("t0", "  A man\u2003walks his dog ", "Ann", "7")
    assert (written.text, written.split, written.version) == ("A man walks his dog", "train", "7")
    assert written.unknown == ("a", "walks", "his") and written.is_taught
    assert backend.write_caption("t0", "A man walks his dog", "Ann") == written, "a second click"
    assert not backend.write_caption("v1", "a man", "Ann").is_taught, "a held-out clip is never trained on"
    with pytest.raises(Refused, match="what the caption says already"):
        backend.write_caption("v1", "Dog, dog dog.", "Ann")
    with pytest.raises(Refused, match="Version 7 answers since"):
        backend.write_caption("v1", "a man", "Ann", "6")
    for text, why in (("?!", "no word"), ("une femme", "knows none of these"), ("man " * 60, "at most 200 characters")):
        with pytest.raises(ReviewError, match=why):
            backend.write_caption("v1", text, "Ann")
    backend.withdraw_caption("Ann", "t0", "7", "Ben")
    assert [(one.video_id, one.withdrawn_by) for one in backend.written_captions()] == [("t0", "Ben"), ("v1", None)]
    assert [(one.by, one.what) for one in backend.history(10)] == [
        ("Ben", "took back the caption that Ann had written: “A man walks his dog”"),
        ("Ann", "wrote how the caption should be: “a man”"),
    ]
    assert backend.restore_caption("Ann", "t0", "7", "Ben").withdrawn_by is None


def test_an_uploaded_clip_is_a_clip_like_others(backend, served, tmp_path):
    queue(backend)
    jpegs = tuple(encode_frames(np.full((2, 40, 60, 3), 90, np.uint8)))
    kept = backend.keep_new(NewClip("my.mp4", "ab" * 32, jpegs, (0.0, 0.5)), "Ann")
    assert kept.caption == "dog dog dog" and kept.scores[0].name == "man"
    clip = backend.clip(kept.video_id)
    assert (clip.split, clip.references, clip.seconds, clip.pictures) == (UPLOADED, (), (0.0, 0.5), True)
    assert [one.name for one in clip.suggestions], "by similar clips and by what the model sees"
    assert backend.frame(kept.video_id, 1).startswith(b"\xff\xd8") and backend.video(kept.video_id) is None
    backend._sources = dataclasses.replace(backend._sources, links=lambda _: None)
    items = {item.video_id: item for item in backend.queue(10).items}
    assert items[kept.video_id].picture == 1 and len(items) == 4 and backend.queue(10).clips == 4
    assert backend.queue(10, wanted=QueueFilter(described=Described.NO)).total == 1
    assert backend.what_if(kept.video_id, {1: 1.0}, Stretch(0.4, 9)).caption == "man man man"
    np.testing.assert_array_equal(served.held, [False, True])


def test_whose_clips_they_are_is_told_and_filtered(backend):
    backend.shared = (Assignment("v1", "Ann", "Ben", now()), Assignment("v2", None, "Ben", now()))
    found = queue(backend, person="Ann")
    assert {item.video_id: item.assigned for item in found.items} == {"v0": "", "v1": "Ann", "v2": ""}
    assert (found.yours, found.yours_looked_at, found.assignees) == (1, 0, ("Ann",))
    assert [item.video_id for item in backend.queue(10, wanted=QueueFilter(assigned="Ann")).items] == ["v1"]
    assert backend.clip("v1").assigned == "Ann" and backend.clip("v0").assigned == ""


def test_what_a_person_thinks_is_written_down_with_the_caption_that_they_saw(closed, tmp_path):
    context = RefinementContext(str(tmp_path), Jobs(tmp_path / "jobs"), (), RefinementSettings())
    backend = RunReviewBackend(context, "run", closed._sources, closed._served, closed._ranking, closed._outlooks)
    look = backend.look("v1", Opinion.FINE, "Ann", "7")
    assert (look.version, look.caption, look.content) == ("7", "dog dog dog", "0" * 64)
    assert list(backend.looks()) == [look]
    with pytest.raises(Refused, match="Version 7 answers since"):
        backend.look("v1", Opinion.FINE, "Ann", "6")
    with pytest.raises(NotFound):
        backend.look("v9", Opinion.FINE, "Ann")
    (entry,) = backend.history(10)
    assert (entry.by, entry.what) == ("Ann", "called the caption of version 7 fine: “dog dog dog”")


def test_a_clip_shows_what_the_model_did_and_what_it_may_miss(backend):
    queue(backend)
    clip = backend.clip("v0")
    assert clip.version == "7" and clip.pictures and clip.playable and len(clip.seconds) == FRAMES == clip.frames
    assert [word.text for word in clip.words] == ["dog"] * 3 and sum(clip.words[0].attention) == pytest.approx(1)
    assert [score.id for score in clip.scores] == [1, 2, 0]
    (suggestion, *_) = clip.suggestions
    # It says "man" from strength 1 on, and one and a half times as much is taught: just what a correction previews.
    assert (suggestion.name, suggestion.strength, suggestion.caption) == ("man", 1.5, "man man man")
    assert suggestion.obstacle == "reads well", "it says a word three times"
    assert clip.timelines[0].topic_id == 1 and len(clip.timelines[0].neurons[0].activations) == FRAMES
    assert clip.next_id == "v1" and backend.clip("v2").next_id == "v0"


class NotToBeAsked:
    def __call__(self, version, video_id, topic):
        raise AssertionError(f"asked about topic {topic}")


@pytest.fixture
def two_missing(backend, monkeypatch, tmp_path):
    """Clips miss "man" first and "dog" then, and the man, taught, would drive out what is right."""
    missing = tuple(MissingTopic(topic, name, 0.9 - topic / 10, ("why",)) for topic, name in ((1, "man"), (0, "dog")))
    score = AcquisitionScore(0.5, 0.5, 0.9, None, ())
    monkeypatch.setattr(backend._ranking, "score", lambda video_id, said: RankedClip(video_id, said, missing, score))
    outlooks = {1: Outlook(1, 0.5, "a man", "kept"), 0: Outlook(0, 0.25, "a dog")}
    backend._outlooks = Outlooks(tmp_path / "two", backend._sources.clips, lambda version, name, topic: outlooks[topic])
    return backend


def shown(backend):
    return [(one.name, one.caption, one.obstacle, one.refused) for one in backend.clip("v0").suggestions]


def test_what_can_be_taught_is_suggested_first_with_the_caption_that_it_would_be(two_missing):
    assert shown(two_missing) == [("dog", "a dog", "", False), ("man", "a man", "kept", False)]
    assert [one.strength for one in two_missing.clip("v0").suggestions] == [0.25, 0.5]
    assert [one.name for one in two_missing.clip("v0").timelines][:2] == ["dog", "man"]


@pytest.mark.parametrize(
    "state, version, first",
    [
        (State.REFUSED, "7", "man"),
        (State.REFUSED, "6", "dog"),  # another version may learn it
        (State.PREVIEWED, "6", "man"),
        (State.LIVE, "7", "man"),
        (State.REVOKED, "7", "dog"),
    ],
)
def test_what_was_said_or_refused_already_comes_last(two_missing, state, version, first):
    said = dataclasses.replace(corrected(state), topic=CorrectedTopic(0, "dog", ("dog",)), model_before=version)
    two_missing.told = (said,)
    suggestions = two_missing.clip("v0").suggestions
    assert suggestions[0].name == first
    assert [one.refused for one in suggestions] == [False, state is State.REFUSED and first == "man"]


def test_a_clip_is_worth_more_where_what_it_misses_can_be_taught_and_keeps_its_reasons_where_it_cannot(backend):
    score, said = backend._ranking._score, PredictedCaption(SAYS["7"], -3.0, np.zeros(3))
    untried, hopeless = score("v0", said), score("v0", said, {1: Outlook(1, None, "", "teachable")})
    promising = score("v0", said, {1: Outlook(1, 0.5, "a man", None, 1.0)})
    assert hopeless.score.value < untried.score.value <= promising.score.value
    assert hopeless.score.reasons == untried.score.reasons != ()
    assert promising.score.reasons == ("“man” can be taught: “a man”", *untried.score.reasons)
    assert sorted([hopeless, untried, promising], key=RankedClip.place) == [promising, untried, hopeless]


def test_what_is_settled_is_not_tried_again(two_missing, tmp_path):
    two_missing.told = (
        corrected(State.PREVIEWED),
        dataclasses.replace(corrected(State.LIVE), topic=CorrectedTopic(0, "dog", ("dog",))),
    )
    two_missing._outlooks = Outlooks(tmp_path / "none", two_missing._sources.clips, NotToBeAsked())
    assert [one.name for one in two_missing.clip("v0").suggestions] == ["man", "dog"]


def test_a_word_comes_from_the_frames_and_the_topics_of_its_neurons_by_the_relevance_that_is_served(backend, served):
    queue(backend)
    assert served.asked_why == 0, "relevance takes several times as long, and the queue has no need of it"
    words = backend.clip("v0").words
    assert served.asked_why == 1
    for word, score, frames, neurons, before in zip(words, *WHY.values(), strict=True):
        assert word.relevance == pytest.approx(frames, abs=1e-6) and word.score == score
        assert word.from_frames + word.from_words + word.from_biases == pytest.approx(score, abs=1e-5)
        assert word.from_words == pytest.approx(before.sum(), abs=1e-6)
        assert sum(share.value for share in word.topics) == pytest.approx(neurons.sum(), abs=1e-5)
        by_name = {topic.name: sum(neurons[one.neuron] for one in topic.neurons) for topic in links().topics}
        assert all(share.value == pytest.approx(by_name[share.name], abs=1e-6) for share in word.topics if share.name)
        assert word.neurons[0].value == pytest.approx(max(neurons, key=abs), abs=1e-6)


def test_what_brought_features_alone_has_no_pictures(backend):
    assert backend.frame("v1", 0) is None and backend.video("v1") is None
    assert not backend.clip("v1").pictures and backend.clip("v1").seconds == ()


def test_pictures_are_of_the_frames_that_the_model_sees(backend):
    assert backend.frame("v0", FRAMES - 1).startswith(b"\xff\xd8")
    assert backend.video("v0").media_type == "video/mp4" and Path(backend.video("v0").path).name == "film.mp4"
    for index in (-1, FRAMES):
        with pytest.raises(NotFound):
            backend.frame("v0", index)


def test_a_clip_is_explained_once_a_version(backend, served):
    backend.clip("v1")
    asked = served.asked
    backend.clip("v1")
    assert served.asked == asked


def test_what_if_tells_the_caption_the_scores_and_the_time(backend):
    told = backend.what_if("v0", {1: 1.0})
    assert told.caption == "man man man" and 0 < told.milliseconds < 1000
    assert dataclasses.astuple(told.scores[0]) == (1, "man", 0.9)
    assert backend.what_if("v0", {}).caption == "dog dog dog"


def test_a_stretch_is_that_of_the_frames_of_the_film(backend, served):
    backend.what_if("v0", {1: 1.0}, Stretch(0.05, 0.2))  # a film of ten frames a second
    np.testing.assert_array_equal(served.held, [0.05 <= 0.1 * frame <= 0.2 for frame in range(FRAMES)])
    backend.what_if("v0", {1: 1.0})
    assert served.held is None
    with pytest.raises(ReviewError, match="got 7 s to 9 s"):
        backend.what_if("v0", {1: 1.0}, Stretch(7, 9))
    with pytest.raises(ReviewError, match="when the clip's frames are shown"):
        backend.what_if("v1", {1: 1.0}, Stretch(0, 1))


@pytest.mark.parametrize("strength", [9.0, -9.0, float("nan"), float("inf")])
def test_strengths_have_bounds(backend, strength):
    with pytest.raises(ReviewError, match="from -2 to 2"):
        backend.what_if("v0", {1: strength})


@pytest.mark.parametrize("wanted", ["nobody", "../v0", ""])
def test_clips_are_known_by_their_ids_alone(backend, wanted):
    for ask in (
        backend.clip,
        backend.video,
        lambda name: backend.frame(name, 0),
        lambda name: backend.what_if(name, {}),
    ):
        with pytest.raises(NotFound, match="no such clip in this run, and no such file"):
            ask(wanted)
    with pytest.raises(NotFound, match="no topic 9"):
        backend.what_if("v0", {9: 1.0})


def test_topics_are_found_by_name_first_and_then_by_their_words(backend):
    assert [topic.name for topic in backend.topics()] == ["dog", "man", "sea"]
    assert [topic.name for topic in backend.topics("wave")] == ["sea"]
    assert [topic.name for topic in backend.topics("DO")] == ["dog"] and backend.topics("cat") == []


def test_a_banned_topic_is_no_choice_and_what_was_said_of_it_is_still_read(closed):
    assert [topic.name for topic in closed.topics()] == ["dog", "sea"] and closed.topics("man") == []
    closed.told = (corrected(State.LIVE, "man man man"),)
    (correction,) = closed.clip("v0").corrections
    assert (correction.topic.name, correction.caption_after) == ("man", "man man man")


def test_nobody_proposes_a_banned_topic(closed, tmp_path):
    context = RefinementContext(str(tmp_path), Jobs(tmp_path / "jobs"), (), RefinementSettings())
    backend = RunReviewBackend(context, "run", closed._sources, closed._served, closed._ranking, closed._outlooks)
    with pytest.raises(Refused, match="can miss the topic “man”: it is banned"):
        backend.propose("v0", [0, 1], "Ann")
    assert backend.corrections() == []
