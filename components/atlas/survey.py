"""The numbers of the atlas: of all topics and neurons at once, from mean activations and the weights of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from topiclens.components.atlas.entries import (
    Atlas,
    AtlasNeuron,
    AtlasTopic,
    Histogram,
    SeenClip,
    Sighting,
    Votes,
)
from topiclens.components.atlas.words import number, spoken_words, topic_words, word_weights
from topiclens.components.neurons.activations import Encode, MeanActivations, NeuronModel, encoded
from topiclens.components.neurons.caption_words import CaptionWords
from topiclens.components.neurons.detection import METRICS, Detection, correlations
from topiclens.components.neurons.effects import CaptionEffects
from topiclens.components.neurons.evaluator import find_changes
from topiclens.components.neurons.figures import NeuronFigures
from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.components.neurons.pdm import Tally
from topiclens.components.topics.model import TopicModel
from topiclens.schemas.plain import from_plain
from topiclens.schemas.records import VideoRecord

BINS = 20
CLIPS_OF_A_TOPIC, CLIPS_OF_A_NEURON = 24, 12
_VOTERS, _RELATED = 5, 3  # topics of a neuron


def survey(
    model: NeuronModel,
    topic_model: TopicModel,
    links: TopicLinks,
    tally: Tally,
    seen: MeanActivations,
    held_out: MeanActivations,
    figures: NeuronFigures,
    videos: Iterable[VideoRecord],
    *,
    split: str,
    previous: tuple[TopicLinks, Mapping] | None = None,
    effects: CaptionEffects | None = None,
) -> Atlas:
    """The atlas of one model. Clips that a page shows are encoded once more; there is no other forward pass.

    Args:
        topic_model, links, tally: of the same training videos.
        seen, held_out: of training and of held-out videos.
        figures: of the same held-out videos.
        videos: the held-out ones once more.
        split: what these are called.
        previous: the links and the figures, as JSON, of the last blessed model.
        effects: what steering does to captions; None where nobody asked.
    """
    own, named = range(links.topic_neurons), links.topic_of()
    present, order = np.asarray(held_out.topics, bool), np.argsort(-held_out.mean, axis=0, kind="stable")
    shown = [neuron_shown(topic, links.topic_neurons) for topic in links.topics]
    rows_of_topic = [
        [] if neuron is None else order[present[order[:, neuron], topic], neuron][:CLIPS_OF_A_TOPIC].tolist()
        for topic, neuron in enumerate(shown)
    ]
    rows_of_neuron = order[:CLIPS_OF_A_NEURON].T.tolist()
    ids = {held_out.ids[row] for rows in (*rows_of_topic, *rows_of_neuron) for row in rows}
    clips, peaks = _look((video for video in videos if video.video_id in ids), model.encode)

    def sightings(rows: Sequence[int], neuron: int | None) -> tuple[Sighting, ...]:
        return tuple(_sighting(held_out, peaks, row, neuron) for row in rows if neuron is not None)

    words = CaptionWords(model.vocabulary, links)
    weights = word_weights(model.captioner, words)
    of_topics = topic_words(links.topics, shown, topic_model, weights, words)
    figures_of = {row.id: row for row in figures.by_topic if row.neurons}
    before = {} if previous is None else _detections(*previous)
    steered = {one.id: one for one in effects.steering_by_topic} if effects else {}
    topics = tuple(
        AtlasTopic(
            id=topic.id,
            name=topic.name,
            marks=topic_model.topics[topic.id].marks,
            words=of_topics[topic.id],
            npmi=topic.npmi,
            videos=topic.videos,
            own_neuron=topic.id if topic.id in own else None,
            neurons=tuple(Votes(topic.id, one.neuron, one.votes) for one in topic.neurons),
            neuron=shown[topic.id],
            held_out=int(present[:, topic.id].sum()),
            detection=figures_of[topic.id].top if topic.id in figures_of else None,
            before=before[topic.meaning][0] if topic.meaning in before else None,
            held_out_before=before[topic.meaning][1] if topic.meaning in before else None,
            steering=steered.get(topic.id),
            score_fall=figures_of[topic.id].deletion if topic.id in figures_of else None,
            clips=sightings(rows_of_topic[topic.id], shown[topic.id]),
        )
        for topic in links.topics
    )
    subjects = [named.get(neuron, neuron if neuron in own else None) for neuron in range(links.n_neurons)]
    columns = zip(
        spoken_words(weights, words), histograms(held_out.mean, present, subjects), _votes(tally),
        _related(seen), rows_of_neuron,
    )  # fmt: skip
    neurons = tuple(
        AtlasNeuron(
            neuron=neuron,
            topic=named.get(neuron),
            made_for=neuron if neuron in own else None,
            steered_by=(neuron if neuron in own else None) if own else named.get(neuron),
            votes=votes,
            all_votes=int(tally.votes[:, neuron].sum()),
            histogram=histogram,
            clips=sightings(rows, neuron),
            words_for=spoken[0],
            words_against=spoken[1],
            related=related,
        )
        for neuron, (spoken, histogram, votes, related, rows) in enumerate(columns)
    )
    changed = None if previous is None else tuple(find_changes(links, previous[0]))
    doses = (effects.insertion_dose, effects.suppression_dose) if effects else ()
    return Atlas(split, len(seen.ids), len(held_out.ids), topics, neurons, clips, changed, *doses)


def neuron_shown(topic: TopicLink, topic_neurons: int) -> int | None:
    """The neuron by which a topic is shown: that with most votes, or else the one that was made for it."""
    if topic.neurons:
        return topic.neurons[0].neuron
    return topic.id if topic.id < topic_neurons else None


def histograms(mean: np.ndarray, present: np.ndarray, subjects: Sequence[int | None]) -> list[Histogram]:
    """The histogram of every neuron, with its topic and without.

    Bins reach from the least mean activation, or 0 if that is less, to the greatest.

    Args:
        mean: (videos, neurons), mean activations.
        present: (videos, topics) bool.
        subjects: of each neuron, the topic; without one, all clips count as without.
    """
    neurons = np.arange(mean.shape[1])
    having = np.zeros(mean.shape, int)
    for neuron, topic in enumerate(subjects):
        if topic is not None:
            having[:, neuron] = present[:, topic]
    low, high = np.minimum(mean.min(axis=0), 0), mean.max(axis=0)
    width = np.where(high > low, high - low, 1)
    places = np.minimum(((mean - low) / width * BINS).astype(int), BINS - 1)
    counts, sums = np.zeros((2, len(neurons), BINS), int), np.zeros((2, len(neurons)))
    np.add.at(counts, (having, neurons, places), 1)
    np.add.at(sums, (having, neurons), mean)

    def side(one: int, neuron: int) -> tuple[tuple[int, ...], float | None]:
        clips = counts[one, neuron]
        return tuple(clips.tolist()), number(sums[one, neuron] / clips.sum()) if clips.any() else None

    return [
        Histogram(number(low[neuron]), number(low[neuron] + width[neuron]), *side(1, neuron), *side(0, neuron))
        for neuron in neurons.tolist()
    ]


def _look(
    videos: Iterable[VideoRecord], encode: Encode
) -> tuple[dict[str, SeenClip], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Clips by id; and of each the frame of every neuron's greatest activation, 0 the first, and that activation."""
    clips, peaks = {}, {}
    for video, v in encoded(videos, encode):
        topics = tuple(np.flatnonzero(video.topics).tolist())
        clips[video.video_id] = SeenClip(len(video.frames), next(iter(video.captions), ""), topics)
        peaks[video.video_id] = v.argmax(axis=0), v.max(axis=0)
    return clips, peaks


def _sighting(
    held_out: MeanActivations, peaks: Mapping[str, tuple[np.ndarray, np.ndarray]], row: int, neuron: int
) -> Sighting:
    clip = held_out.ids[row]
    frames, greatest = peaks[clip]
    return Sighting(clip, number(held_out.mean[row, neuron]), int(frames[neuron]) + 1, number(greatest[neuron]))


def _votes(tally: Tally) -> list[tuple[Votes, ...]]:
    """Of each neuron, the topics that chose it most often, in the order by which it is named."""
    order = np.lexsort((-tally.mean_differences, -tally.votes), axis=0)[:_VOTERS]
    return [
        tuple(Votes(topic, neuron, int(tally.votes[topic, neuron])) for topic in topics if tally.votes[topic, neuron])
        for neuron, topics in enumerate(order.T.tolist())
    ]


def _related(seen: MeanActivations) -> list[tuple[tuple[int, float], ...]]:
    """Of each neuron, the topics with which its mean activation goes most, with Pearson's correlation."""
    found = correlations(seen.mean, seen.topics)
    order = np.argsort(-np.abs(found), axis=1, kind="stable")[:, :_RELATED].tolist()
    return [tuple((topic, number(row[topic])) for topic in topics if row[topic]) for row, topics in zip(found, order)]


def _detections(links: TopicLinks, figures: Mapping) -> dict[tuple[str, tuple[str, ...]], tuple[Detection, int]]:
    """By what each topic of the last blessed model meant, with the held-out clips that had it; of those that had a
    neuron. Older versions kept no such figures."""
    meanings = {topic.id: topic.meaning for topic in links.topics}
    return {
        meanings[row["id"]]: (from_plain(Detection, row["top"]), row["videos"])
        for row in figures.get("by_topic", ())
        if row["id"] in meanings and row["neurons"] and set(METRICS) <= set(row.get("top", ()))
    }
