"""Steering on a captioner whose neurons are planted, so that every figure can be worked out by hand."""

import numpy as np
import pytest

from tests.components.neurons.planted import (
    DOG,
    DOGS_WEIGHT,
    ENDS_WEIGHT,
    MAN,
    VOCABULARY,
    clips,
    links,
    planted_captioner,
    words,
)
from topiclens.components.neurons.batched_captioner import BatchedCaptioner
from topiclens.components.neurons.enhancement import named_enhancement
from topiclens.components.neurons.steering import (
    Answers,
    Steering,
    SteeringEffects,
    choose_dose,
    lacked,
    steering,
    told,
)

X = DOGS_WEIGHT * np.tanh(1)  # the logit of "dog", 3.05; all others are 0


@pytest.fixture(scope="module")
def once():
    """Says "dog" and ends. An enhancement of men by 1 gives "man" a logit of 2: more than that of "dog" from 1.6 on."""
    return BatchedCaptioner(planted_captioner(mans_weight=4.0, said_once=True), max_words=3)


@pytest.fixture(scope="module")
def again():
    """Says "dog dog dog", and "man man man" from a very small enhancement on."""
    return BatchedCaptioner(planted_captioner(), max_words=3)


def steer(model, held_out, training=None, named=None, **options):
    enhancement = named_enhancement(links() if named is None else named)
    training = clips([1, 0, 0], [1, 0, 1]) if training is None else training
    return steering(
        model, words(), enhancement, held_out, model.write(held_out), training, rng=np.random.default_rng(0), **options
    )


def answers(done, fluent):
    nothing = np.zeros(len(done))
    return Answers(np.zeros((len(done), 1), int), np.array(done, bool), np.array(fluent, bool), nothing, nothing)


def test_the_least_dose_is_chosen_that_does_as_well_in_fluent_captions_as_the_best_but_for_one_standard_error():
    def of_25(done, fluent=25):
        return answers([1] * done + [0] * (25 - done), [1] * fluent + [0] * (25 - fluent))

    # 20 of 25 have a standard error of 0.08, two captions.
    assert choose_dose({1.0: of_25(17), 2.0: of_25(19), 3.0: of_25(20), 4.0: of_25(25, fluent=18)}) == 2.0
    assert choose_dose({1.0: of_25(17), 2.0: of_25(25, fluent=17), 3.0: of_25(20)}) == 3.0
    assert choose_dose({0.0: of_25(24), -3.0: of_25(25), -2.0: of_25(25)}) == -2.0, "all of 25 have none"


def test_a_topic_enters_at_the_dose_that_training_videos_ask_for(once):
    found = steer(once, clips([1, 0, 0], [1, 0, 1]))
    # The third topic has no word in the vocabulary, so that men alone can be asked for.
    assert (found.insertion_questions, found.insertion_dose, found.insertion_on_topic) == (2, 2.0, 1)
    assert (found.captions_fluent, found.insertion_fluent, found.insertion_off_topic) == (1, 1, 0)
    assert found.insertion_kept == 0  # "dog" made way
    # p(man) is 1 / (e^x + 7) at the first word, and at the second, where 7 words have no logit and the end has 50.
    before = 1 / (np.exp(X) + 7) + 1 / (np.exp(ENDS_WEIGHT) + np.exp(X) + 6)
    after = np.exp(4) / (np.exp(4) + np.exp(X) + 6) + np.exp(4) / (np.exp(ENDS_WEIGHT) + np.exp(4) + np.exp(X) + 5)
    assert found.insertion_gain == pytest.approx(np.log(after / before), rel=1e-4)


def test_topics_are_counted_one_by_one_and_together_they_are_all_that_was_asked(once, again):
    for model in (once, again):
        found = steer(model, clips([1, 0, 0], [0, 1, 0]), clips([1, 0, 0], [1, 0, 1], [0, 1, 0]))
        topics = found.steering_by_topic
        assert [one.id for one in topics] == sorted({one.id for one in topics})
        assert sum(one.raised for one in topics) == found.insertion_questions > 0
        assert sum(one.put_down for one in topics) == found.suppression_questions > 0
        shares = sum(one.enters for one in topics), sum(one.enters_fluent for one in topics)
        assert shares == pytest.approx(
            [found.insertion_questions * share for share in (found.insertion_on_topic, found.insertion_fluent)]
        )
        shares = sum(one.leaves for one in topics), sum(one.leaves_fluent for one in topics)
        assert shares == pytest.approx(
            [found.suppression_questions * share for share in (found.suppression_removed, found.suppression_fluent)]
        )


def test_a_caption_that_does_not_end_or_repeats_itself_is_no_success(again):
    found = steer(again, clips([1, 0, 0]))
    assert (found.insertion_on_topic, found.insertion_fluent, found.captions_fluent) == (1, 0, 0)
    assert not words().fluent([VOCABULARY.id(word) for word in ("dog", "runs", "a")])  # no room for an end
    fluent, repeats = (["dog", "a", "man", "a"], ["dog", "a", "dog"])
    assert words().fluent([*map(VOCABULARY.id, fluent), 0]) and not words().fluent([*map(VOCABULARY.id, repeats), 0, 0])


def test_suppression_takes_the_least_dose_that_removes(once):
    # Without its neuron nothing speaks for "dog", and an empty caption is written: 0 is enough, nothing else was said.
    found = steer(once, clips([1, 0, 0], [0, 1, 0]))
    assert (found.suppression_questions, found.suppression_dose) == (1, 0.0)
    assert (found.suppression_removed, found.suppression_fluent, found.suppression_off_topic) == (1, 1, 0)
    assert found.suppression_kept is None


def test_suppression_sets_the_neurons_that_a_topic_names_and_no_others():
    dogs = np.array([0, 1])
    edit = Steering(None, words(), named_enhancement(links(dog=(DOG, 7)))).put_down(dogs, -3.0)
    v = edit.apply(np.ones((2, 4, 8), np.float32)).numpy()
    expected = np.ones((2, 4, 8))
    expected[0, :, [DOG, 7]] = expected[1, :, MAN] = -3 * 0.5
    np.testing.assert_array_equal(v, expected)


def test_words_of_another_topic_are_off_topic(once):
    # The neuron that speaks for "man" is called the dog's: enhancing dogs where nothing is brings men.
    wrong, nothing = links(dog=(MAN,), man=()), clips([0, 0, 0])
    asked = lacked(words(), nothing, once.write(nothing), np.random.default_rng(0), 2)
    found = Steering(once, words(), named_enhancement(wrong)).insert(asked, 4.0)
    # Two questions: dogs bring men, and men, who have no neuron, bring nothing.
    assert not found.done.any() and sorted(found.off_topic) == [0, 1]


def test_a_topic_is_suppressed_where_the_video_has_it_and_the_caption_says_it():
    caption = np.array([[VOCABULARY.id("man"), VOCABULARY.id("runs"), 0]])
    rng = np.random.default_rng(0)
    assert told(words(), clips([1, 1, 1]), caption, rng, 2).topics.tolist() == [1]
    assert not len(told(words(), clips([1, 0, 1]), caption, rng, 2))


def test_what_is_kept_is_what_else_the_caption_said(again):
    asked = lacked(words(), clips([1, 0, 0]), np.array([[VOCABULARY.id("dog"), VOCABULARY.id("runs"), 0]]),
                   np.random.default_rng(0), 1)  # fmt: skip
    unmoved = Steering(again, words(), np.zeros((3, 8))).insert(asked, 1.0)  # writes "dog dog dog"
    assert unmoved.median_kept == 0.5 and not unmoved.fluent.any()


def test_a_caption_that_is_as_asked_already_is_to_stay_as_it_is(once, again):
    # Dogs are raised where "dog" is said, men put down where there is no man, and "man" was not going to be said.
    found = steer(once, clips([1, 0, 0], [0, 1, 0]), clips([1, 0, 0], [1, 0, 1], [0, 1, 0]))
    assert found.insertion_dose and found.suppression_dose == 0.0
    assert (found.needless_suppression_same, found.needless_suppression_cider) == (1, 0)
    assert (found.needless_insertion_same, found.needless_insertion_cider) == (1, 0)
    # The neuron that speaks for "man" is called the dog's: what is raised where "dog" is said is "man".
    wrong = steer(again, clips([1, 0, 0]), clips([1, 0, 0], [0, 0, 0]), named=links(dog=(MAN,), man=()))
    assert wrong.needless_insertion_same == 0


def test_without_training_videos_or_where_nothing_is_lacked_nothing_is_claimed(once):
    assert steer(once, clips([1, 1, 1]), training=[]) == SteeringEffects()
    found = steer(once, clips([1, 1, 1]))
    assert found.insertion_questions == 0 and found.insertion_dose is None and found.suppression_questions == 1
