"""An explanation as a page for people: one HTML file that holds all it needs, without a script or a network."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from urllib.parse import quote

import numpy as np

from topiclens.components.relevance import charts
from topiclens.components.relevance.explanation import ExplainedWord, Explanation
from topiclens.components.topics.documents import stop_words

TOPICS_SHOWN = 8
REFERENCES_SHOWN = 3
# Nothing but what the file itself holds may be shown: a name out of a data set can neither fetch nor run anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class Entry:
    """A video on the index page.

    Attributes:
        video: its name.
        page: the file of its page, beside the index; None where it could not be explained.
        said: its caption, or what is wrong with it.
        picture: a JPEG.
        about: more to say of it, in a few words.
    """

    video: str
    page: str | None
    said: str
    picture: bytes | None = None
    about: str = ""


def page(explanation: Explanation, pictures: Sequence[bytes] = ()) -> str:
    """One video's page.

    Args:
        explanation: of the video.
        pictures: its frames as JPEG, small ones; none where only their features are known.
    Raises:
        ValueError: the pictures are of another clip.
    """
    if len(pictures) not in (0, explanation.frames):
        raise ValueError(
            f"There are {len(pictures)} pictures for {explanation.frames} frames; expected one for each, or none."
        )
    words = explanation.words
    choices = [*(f"w{place}" for place in range(len(words))), "all"]
    chosen = f"w{_most_telling(explanation)}" if words else "all"
    radios = "".join(
        f'<input class="choice" type="radio" name="word" id="{choice}" aria-label="{escape(_spoken(choice, words))}"'
        f"{' checked' if choice == chosen else ''}>"
        for choice in choices
    )
    labels = " ".join(f'<label for="w{place}">{escape(word.text)}</label>' for place, word in enumerate(words))
    body = f"""{radios}
<header><p class="brand">TopicLens <span>why this caption?</span></p>
<h1>{labels or "<em>no word at all</em>"}</h1>
<p class="about"><label for="all">whole caption</label> {_about(explanation)}</p>{_references(explanation)}</header>
{_notes(explanation)}
<div class="focus">{_film(explanation, pictures)}
{_panels(explanation)}</div>
{_maps(explanation) if words else ""}
{_topics(explanation)}
{_timelines(explanation)}
{_how_to_read(explanation)}"""
    return _document(explanation.caption or explanation.video, body, _choice_rules(explanation, choices))


def index(entries: Sequence[Entry], title: str = "Captions, explained") -> str:
    """A page that leads to the pages of many videos, in the order given."""
    cards = []
    for entry in entries:
        picture = f'<img alt="" src="{_data_uri(entry.picture)}">' if entry.picture else ""
        about = f" · {escape(entry.about)}" if entry.about else ""
        text = f"<strong>{escape(entry.said)}</strong><small>{escape(entry.video)}{about}</small>"
        if entry.page is None:
            cards.append(f'<li class="fault"><div>{picture}<p>{text}</p></div></li>')
        else:
            unseen = "" if entry.picture else ' class="unseen"'
            cards.append(f'<li{unseen}><a href="{escape(quote(entry.page))}">{picture}<p>{text}</p></a></li>')
    explained = sum(entry.page is not None for entry in entries)
    count = f"{explained} video{'' if explained == 1 else 's'}" if entries else "There is no video here."
    if explained < len(entries):
        count += f", and {len(entries) - explained} that could not be explained"
    body = f"""<header><p class="brand">TopicLens <span>why these captions?</span></p>
<h1>{escape(title)}</h1><p class="about">{count}</p></header><ul class="cards">{"".join(cards)}</ul>"""
    return _document(title, body)


def _document(title: str, body: str, rules: str = "") -> str:
    style = resources.files("topiclens.components.relevance").joinpath("page.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)} · TopicLens</title><style>
{style}{rules}</style></head>
<body><main>
{body}
</main></body></html>
"""


def _about(explanation: Explanation) -> str:
    last = "" if explanation.seconds is None else f", the last at {charts.clock(explanation.seconds[-1])}"
    return (
        f"<span>{escape(explanation.video)}</span> <span>{explanation.frames} frames{last}</span> "
        f"<span>probability of the caption {charts.share(math.exp(explanation.log_prob))}</span>"
    )


def _references(explanation: Explanation) -> str:
    if not explanation.references:
        return ""
    told = " ".join(f"<q>{escape(text)}</q>" for text in explanation.references[:REFERENCES_SHOWN])
    return f'<p class="about"><span>people wrote</span> {told}</p>'


def _notes(explanation: Explanation) -> str:
    if not explanation.notes:
        return ""
    return f"<aside>{''.join(f'<p>{escape(note)}</p>' for note in explanation.notes)}</aside>"


def _film(explanation: Explanation, pictures: Sequence[bytes]) -> str:
    frames = []
    for place, moment in enumerate(charts.moments(explanation)):
        shown = f'<span class="blank">{place + 1}</span>'
        if pictures:
            shown = f'<img alt="frame at {moment}" src="{_data_uri(pictures[place])}">'
        caption = "" if explanation.seconds is None else f"<figcaption>{moment}</figcaption>"
        relevance = '<i class="relevance"></i>' if explanation.has_relevance else ""
        frames.append(f'<figure class="f{place}">{shown}<i class="attention"></i>{relevance}{caption}</figure>')
    film = f'<div class="frames">{"".join(frames)}</div>{_film_legend(explanation)}'
    return f'<section class="film"><h2>The frames</h2>{film}</section>'


def _film_legend(explanation: Explanation) -> str:
    keys = '<span><i class="key attention"></i>looks here</span>'
    if explanation.has_relevance:
        keys += '<span><i class="key for"></i>speaks for it</span><span><i class="key against"></i>against it</span>'
    return f'<p class="keys">{keys}<span>full length: the strongest frame of the chosen word</span></p>'


def _panels(explanation: Explanation) -> str:
    panels = [
        f'<article class="panel w{place}"><h3>{escape(word.text)}</h3>{_words_story(explanation, word)}</article>'
        for place, word in enumerate(explanation.words)
    ]
    advice = "Choose a word of the caption to see where the model looked for it, and which neurons are behind it."
    panels.append(f'<article class="panel all"><p>{advice}</p></article>')
    title = '<span class="on-screen">The chosen word</span><span class="on-paper">Word by word</span>'
    return f'<section class="panels"><h2>{title}</h2>{"".join(panels)}</section>'


def _words_story(explanation: Explanation, word: ExplainedWord) -> str:
    place = int(np.argmax(word.attention))
    story = (
        f"It looks most at {charts.moments(explanation)[place]}, with {charts.share(word.attention[place])} of "
        f"its attention; an even share would be {charts.share(1 / explanation.frames)}."
    )
    if word.score is not None:
        story += (
            f" Its score of {charts.signed(word.score, 1)} comes from the frames "
            f"({charts.signed(word.from_frames, 1)}), the words before ({charts.signed(word.from_words, 1)}) and "
            f"constants ({charts.signed(word.from_biases, 1)})."
        )
    by = "how much speaks through them" if explanation.has_relevance else "their activation where the word looks"
    neurons = charts.neuron_bars(word.neurons, explanation.has_relevance)
    topics = f"<h4>The topics of its neurons</h4>{charts.topic_share_bars(word.topics)}" if word.topics else ""
    return f"<p>{story}</p><h4>Its strongest neurons, by {by}</h4>{neurons}{topics}"


def _maps(explanation: Explanation) -> str:
    texts, moments = [word.text for word in explanation.words], charts.moments(explanation)
    attention = [word.attention for word in explanation.words]
    maps = (
        "<section><h2>Where each word looks</h2><p>The share of each frame in what the word was chosen by.</p>"
        f"{charts.heat_map('attention', texts, attention, moments, max(map(max, attention)))}</section>"
    )
    if explanation.has_relevance:
        relevance = [word.relevance for word in explanation.words]
        reach = max(abs(value) for row in relevance for value in row) or 1.0
        maps += (
            "<section><h2>What speaks for each word</h2><p>How much of the word's score comes from each frame.</p>"
            f"{charts.heat_map('relevance', texts, relevance, moments, reach)}</section>"
        )
    return f'<div class="pair">{maps}</div>'


def _topics(explanation: Explanation) -> str:
    if not explanation.topics:
        return ""
    return (
        '<section class="topics"><h2>What it sees</h2><p>Scores of the topics seen most. The mark is at 1, where a '
        f"topic occurs.</p>{charts.topic_bars(explanation.topics[:TOPICS_SHOWN])}</section>"
    )


def _timelines(explanation: Explanation) -> str:
    top = max(abs(a) for line in explanation.timelines for neuron in line.neurons for a in neuron.activations)
    reach = math.ceil(max(top, 0.05) * 10) / 10
    charted = []
    for line in explanation.timelines:
        tag = ""
        if line.topic_id is not None:
            tag = f"<small>{'' if line.relevant else 'seen least, '}score {charts.signed(line.score)}</small>"
        charted.append(
            f"<div><h3>{escape(line.name)} {tag}</h3>{charts.timeline(line, charts.moments(explanation), reach)}</div>"
        )
    shown = "of the neurons that carry the topics seen most, and of those of the topic seen least"
    if explanation.timelines[0].topic_id is None:
        shown = f"of {explanation.timelines[0].name}"
    return (
        f"<section><h2>Its neurons over time</h2><p>Activations {shown}.</p>"
        f'<div class="timelines">{"".join(charted)}</div></section>'
    )


def _how_to_read(explanation: Explanation) -> str:
    told = [
        ("Attention", "is the share of each frame in what a word was chosen by. It adds up to 100 % for every word."),
    ]
    if explanation.has_relevance:
        told.append(
            ("Relevance", "divides a word's score among the frames, the words before it and the model's constants "
             "(layer-wise relevance propagation). Red speaks for the word, blue against it.")
        )  # fmt: skip
    told.append(
        ("A neuron's name", "is the topic that it tells most about, over all training videos. It is a habit of the "
         "neuron, not a promise about this video.")
    )  # fmt: skip
    items = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in told)
    return f"<footer><h2>How to read this</h2><dl>{items}</dl></footer>"


def _choice_rules(explanation: Explanation, choices: Sequence[str]) -> str:
    """What the page shows of each choice: without a script, so it works wherever the file is opened."""
    rules = []
    for choice in choices:
        rules.append(f"#{choice}:checked~.focus .panel.{choice}{{display:block}}")
        rules.append(f"#{choice}:checked~header label[for={choice}]{{background:var(--look);color:var(--paper)}}")
        rules.append(f"#{choice}:focus-visible~header label[for={choice}]{{outline:2px solid var(--ink)}}")
    for choice, attention, relevance in zip(choices, *_strengths(explanation)):
        for place, (look, speak) in enumerate(zip(attention, relevance)):
            hue = "for" if speak >= 0 else "against"
            rules.append(f"#{choice}:checked~.focus .f{place}{{--a:{look:.2f};--r:{abs(speak):.2f};--h:var(--{hue})}}")
    return "\n".join(rules)


def _strengths(explanation: Explanation) -> tuple[np.ndarray, np.ndarray]:
    """Attention and relevance (choices, frames), of each word and of all together, each row's strongest being 1."""
    time = explanation.frames
    attention = np.array([word.attention for word in explanation.words]).reshape(-1, time)
    relevance = np.array([word.relevance or [0.0] * time for word in explanation.words]).reshape(-1, time)
    both = []
    for rows in (attention, relevance):
        rows = np.concatenate([rows, rows.sum(axis=0, keepdims=True)])
        largest = np.abs(rows).max(axis=1, keepdims=True)
        both.append(rows / np.where(largest > 0, largest, 1))
    return both[0], both[1]


def _most_telling(explanation: Explanation) -> int:
    """The word to show first: of those with meaning, the one that frames speak for most, or that looks most closely."""
    telling = [place for place, word in enumerate(explanation.words) if word.text not in stop_words()]

    def told(place: int) -> float:
        word = explanation.words[place]
        return max(word.attention) if word.from_frames is None else word.from_frames

    return max(telling or range(len(explanation.words)), key=told)


def _spoken(choice: str, words: Sequence[ExplainedWord]) -> str:
    return "whole caption" if choice == "all" else words[int(choice[1:])].text


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
