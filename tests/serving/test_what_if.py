"""What-if as a client asks it: of a real export over both APIs and in process, and of recorded batches."""

import functools
from typing import NamedTuple

import numpy as np
import pytest

from tests.trainer.numpy_captioner import TINY, tiny_captioner
from topiclens.components.neurons.enhancement import activation_added, enhanced, named_enhancement
from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.schemas.stretches import StretchError
from topiclens.schemas.topic_lookup import UnknownTopic
from topiclens.serving.captioner import LocalCaptioner
from topiclens.serving.captioning import Captioning
from topiclens.serving.client import CaptionClient
from topiclens.serving.errors import InvalidClip, InvalidStrength, WrongSignature, explain_refusal
from topiclens.serving.signatures import Signature, TensorSpec
from topiclens.serving.videos import TimedClip
from topiclens.trainer.decoding import search
from topiclens.trainer.edits import Edit
from topiclens.trainer.encoders import edit_video
from topiclens.trainer.export import export
from topiclens.trainer.vocabulary import Vocabulary

WORDS = ("a", "dog", "cat", "runs", "sits")
DIM, TOPICS, NEURONS = TINY["feature_dim"], TINY["n_topics"], 2 * TINY["encoder_units"]
N_FRAMES, BEAM, MAX_WORDS = 8, 4, 6
DELTAS = np.array([[2.0, 0, 0, -1], [0, 0, 0, 0], [0, 5, 0, 0]], np.float32)


def links() -> TopicLinks:
    """Topic 0 has two neurons, 1 and 3 one each, and 2 none."""
    of = {0: {1: 0.7, 4: -0.4}, 1: {2: 0.9}, 2: {}, 3: {5: 0.5}}
    return TopicLinks(
        tuple(
            TopicLink(topic, WORDS[topic], (WORDS[topic],), None, 5,
                      tuple(LinkedNeuron(neuron, 3, 0.1, mean) for neuron, mean in neurons.items()))
            for topic, neurons in of.items()
        ),
        NEURONS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return tiny_captioner(seed=3)


@pytest.fixture(scope="module")
def base(model, tmp_path_factory):
    """A base folder whose version 1 answers what_if."""
    base = tmp_path_factory.mktemp("what-if")
    export(
        model, Vocabulary(WORDS), base / "1", features={"backbone": None, "n_frames": N_FRAMES, "dim": DIM},
        enhancement=named_enhancement(links()), beam=BEAM, max_words=MAX_WORDS,
    )  # fmt: skip
    return base


@pytest.fixture(params=["in process", "gRPC", "REST"])
def captioner(request, base, start):
    if request.param == "in process":
        with LocalCaptioner(base) as local:
            yield local
    else:
        server = start(base)
        with CaptionClient(server.grpc_address if request.param == "gRPC" else server.rest_address) as client:
            yield client


def clips():
    random = np.random.default_rng(0)
    return [random.normal(size=(length, DIM)).astype(np.float32) for length in (8, 3, 5)]


def test_the_answer_is_the_enhanced_activations_caption_and_scores(captioner, model):
    answers = captioner.what_if_all(clips(), DELTAS)
    for answer, clip, deltas in zip(answers, clips(), DELTAS, strict=True):
        video = model.encode(clip[None])
        added = activation_added(named_enhancement(links()), dict(enumerate(deltas)))
        changed = enhanced(np.asarray(video["v"]), np.asarray(video["mask"]), added[None]).astype(np.float32)
        video = edit_video(video, [Edit("encoder.v", set=changed)])
        (words,), (log_prob,) = map(np.asarray, search(model, video, BEAM, MAX_WORDS))
        assert answer.text == Vocabulary(WORDS).decode(words.tolist())
        np.testing.assert_allclose(answer.log_prob, log_prob, rtol=1e-5)
        np.testing.assert_allclose(
            answer.topic_scores, np.asarray(model.topic_perceptron(video["mean"]))[0], rtol=1e-5, atol=1e-5
        )
    plain = captioner.caption_all(clips())
    assert answers[1].text == plain[1].text and answers[1].log_prob == plain[1].log_prob
    assert [answer.text for answer in answers] != [caption.text for caption in plain]


def test_strengths_of_each_frame_are_answered_and_those_of_a_stretch_find_their_frames(captioner, model):
    rng = np.random.default_rng(4)
    deltas = rng.uniform(-4, 4, (3, 8, TOPICS)).astype(np.float32)
    answers = captioner.what_if_all(clips(), deltas)
    for answer, clip, of_clip in zip(answers, clips(), deltas, strict=True):
        video = model.encode(clip[None])
        added = of_clip[: len(clip)] @ named_enhancement(links())
        video = edit_video(video, [Edit("encoder.v", add=added[None])])
        (words,), (log_prob,) = map(np.asarray, search(model, video, BEAM, MAX_WORDS))
        assert answer.text == Vocabulary(WORDS).decode(words.tolist())
        np.testing.assert_allclose(answer.log_prob, log_prob, rtol=1e-4)
    film = TimedClip(clips()[0], [0.5 * frame for frame in range(8)])
    asked = np.zeros((8, TOPICS), np.float32)
    asked[2:5, 1] = 5
    (expected,) = captioner.what_if_all([film], asked[None])
    within, whole = captioner.what_if(film, {1: 5}, from_s=1, to_s=2.4), captioner.what_if(film, {1: 5})
    np.testing.assert_array_equal(within.topic_scores, expected.topic_scores)
    assert within.log_prob == expected.log_prob != whole.log_prob


def test_a_model_from_before_there_were_stretches_says_so(captioner, monkeypatch):
    older = {name: one for name, one in captioner.signatures.items() if "over_time" not in name}
    error = explain_refusal("'old'", "what_if_over_time", {}, older)
    assert isinstance(error, WrongSignature) and "whole clips alone" in str(error) and "topiclens refine" in str(error)


def test_strengths_of_another_model_are_refused_with_both_widths(captioner):
    with pytest.raises(InvalidStrength, match=rf"\(\?, {TOPICS}\), got float32 \(1, {TOPICS + 1}\).*another model"):
        captioner.what_if_all(clips()[:1], np.zeros((1, TOPICS + 1)))


def test_the_topics_that_can_be_asked_for_are_counted(captioner):
    assert captioner.n_topics() == TOPICS


def test_a_model_whose_neurons_have_no_names_says_what_to_do(toy_versions, server):
    with (
        LocalCaptioner(toy_versions[1]) as local,
        CaptionClient(server.grpc_address) as grpc,
        CaptionClient(server.rest_address) as rest,
    ):
        for captioner in (local, grpc, rest):
            for ask in (
                functools.partial(captioner.what_if_all, [np.ones((2, 4))], np.zeros((1, 3))),
                captioner.n_topics,
            ):
                with pytest.raises(WrongSignature, match=r"'what_if'.*LSTM-B.*'topiclens run'"):
                    ask()


class Recorder(Captioning):
    """Keeps the batches, and answers each clip with its first strength."""

    signatures = {}

    def __init__(self, **options):
        super().__init__(**options)
        self.batches = []

    def predict(self, signature, inputs):
        self.batches.append((signature, inputs))
        deltas = inputs["topic_deltas"]
        whole = deltas if deltas.ndim == 2 else deltas.sum(axis=1)
        captions = np.array([f"{row[0]:g}".encode() for row in whole], object)
        return {"caption": captions, "log_prob": -whole[:, 0], "topic_scores": whole}


def test_strengths_of_frames_are_cut_with_their_clips_and_padded_with_them():
    recorder = Recorder(max_batch=2, n_frames=4)
    deltas = np.arange(30, dtype=np.float32).reshape(3, 5, 2)
    recorder.what_if_all([np.ones((length, 4)) for length in (5, 2, 3)], deltas)
    assert [signature for signature, _ in recorder.batches] == ["what_if_over_time"] * 2
    first, second = (inputs["topic_deltas"] for _, inputs in recorder.batches)
    np.testing.assert_array_equal(first, deltas[:2])
    np.testing.assert_array_equal(second, deltas[2:, :4])
    recorder.what_if_all([[b"\xff\xd8\xff"] * 3], deltas[:1, :3])
    signature, inputs = recorder.batches[-1]
    assert signature == "what_if_over_time_frames"
    np.testing.assert_array_equal(inputs["topic_deltas"], [[*deltas[0, :3], [0, 0]]])


def test_a_stretch_of_a_clip_without_times_and_one_beyond_it_are_refused():
    for clip, words in ((np.ones((3, 4)), "when the clip's frames"), (TimedClip(np.ones((3, 4)), (0, 1, 2)), "6 s")):
        with pytest.raises(StretchError, match=words):
            Named(topics=TOPIC_LIST).what_if(clip, {"dog": 1}, from_s=4, to_s=6)
    with pytest.raises(InvalidClip, match="a time for each of a clip's 3 frames, got 2"):
        TimedClip(np.ones((3, 4)), (0, 1))


def test_every_clip_keeps_its_own_strengths_when_batches_are_cut():
    recorder = Recorder(max_batch=2)
    deltas = np.arange(15, dtype=np.float64).reshape(5, 3)
    answers = recorder.what_if_all([np.ones((2, 4))] * 5, deltas)
    assert [answer.text for answer in answers] == ["0", "3", "6", "9", "12"]
    np.testing.assert_array_equal([answer.topic_scores for answer in answers], deltas)
    assert [(signature, *sorted(inputs)) for signature, inputs in recorder.batches] == (
        [("what_if", "frames", "topic_deltas")] * 3
    )
    assert all(inputs["topic_deltas"].dtype == np.float32 for _, inputs in recorder.batches)
    recorder.what_if_all([[b"\xff\xd8\xff"]], [[1, 2, 3]])
    signature, inputs = recorder.batches[-1]
    assert (signature, *sorted(inputs)) == ("what_if_frames", "frames_jpeg", "topic_deltas")


@pytest.mark.parametrize(
    ("deltas", "words"),
    [
        ([[0.0, np.nan]], "got nan for topic 1 of clip 0"),
        ([[1e9, 0.0]], "from -100 to 100, got 1000000000.0 for topic 0 of clip 0"),
        ([[-np.inf, 0.0]], "got -inf"),
        ([1.0, 2.0], r"a row for each of 1 clips, got float64 \(2,\)"),
        ([[1.0], [2.0]], r"got float64 \(2, 1\)"),
        ([["a"]], "numbers"),
        ([[[1.0, 0.0]]], "each of the 2 frames of the longest clip, got those of 1"),
        ([[[1.0, 0.0], [0.0, np.nan]]], "got nan for topic 1 of clip 0"),
    ],
)
def test_strengths_at_fault_are_refused_before_they_are_sent(deltas, words):
    recorder = Recorder()
    with pytest.raises(InvalidStrength, match=words):
        recorder.what_if_all([np.ones((2, 4))], np.array(deltas))
    assert not recorder.batches


class Topic(NamedTuple):
    id: int
    name: str
    words: tuple[str, ...] = ()


TOPIC_LIST = [Topic(topic, name) for topic, name in enumerate(("dance, girl", "dog", "snow, ski"))]


class Named(Recorder):
    signatures = {"what_if": Signature({"topic_deltas": TensorSpec("float32", (None, 3))})}


def test_topics_are_given_by_name_or_id_and_the_answer_names_them():
    clip, asked = np.ones((2, 4)), {"dance": 1.5, 1: -2, "2": 0.5, "snow, ski": 0.25}
    answer = Named(topics=TOPIC_LIST).what_if(clip, asked)
    assert answer.topic_scores.tolist() == [1.5, -2, 0.75]
    assert answer.topics == ("dance, girl", "dog", "snow, ski")
    unnamed = Named().what_if(clip, {0: 1.5, "1": -2})
    assert unnamed.topic_scores.tolist() == [1.5, -2, 0] and unnamed.topics is None


@pytest.mark.parametrize(
    ("topics", "asked", "words"),
    [
        (TOPIC_LIST, "danse", r"no topic 'danse'.*0 \(dance, girl\)"),
        (TOPIC_LIST, 3, "no topic 3"),
        ([], "dance", "without their names.*topiclens topics"),
        ([], 3, "topics 0 to 2"),
    ],
)
def test_a_topic_that_the_model_does_not_have_is_refused(topics, asked, words):
    with pytest.raises(UnknownTopic, match=words):
        Named(topics=topics).what_if(np.ones((2, 4)), {asked: 1.0})
