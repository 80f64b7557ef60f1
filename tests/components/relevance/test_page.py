"""The page holds all that it shows and nothing that runs; what a data set calls things cannot break out of the text."""

import dataclasses
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from topiclens.components.neurons.links import LinkedNeuron, TopicLink, TopicLinks
from topiclens.components.relevance.explanation import DeletionCheck, clock, explanation
from topiclens.components.relevance.page import Entry, Way, index, page, picture, signed, templates, times
from topiclens.components.relevance.reading import Reading
from topiclens.components.relevance.report import BROUGHT_FEATURES
from topiclens.schemas.timelines import HeatMap

TIME, NEURONS, TOPICS = 5, 8, 4
WORDS = ("a", "dog", "runs")
HOSTILE = '</title></style><script>alert("1")</script><img src="http://example.org/x.png">'
CHARTS = templates().get_template("charts.html").module
VOID = {"meta", "input", "img", "rect", "path", "polyline", "br"}


class Parsed(HTMLParser):
    """Elements and text of a page; fails where a tag closes what another opened."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag, **attributes):
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


def make_reading(words=WORDS, time=TIME, seed=0):
    rng = np.random.default_rng(seed)
    attention = rng.dirichlet(np.ones(time), size=len(words))
    return Reading(
        tuple(words), -2.0, attention, rng.uniform(-1, 1, (time, NEURONS)), rng.uniform(0, 1, TOPICS),
        rng.normal(size=(len(words), time)), rng.normal(size=(len(words), NEURONS)), rng.normal(size=len(words)),
        rng.normal(size=len(words)), topic_timeline=rng.uniform(0, 1, (time, TOPICS)),
    )  # fmt: skip


def make_links(name="name"):
    neurons = ((0, 3), (1,), (2,), (5,))
    return TopicLinks(
        tuple(
            TopicLink(i, f"{name} {i}", (), None, 3, tuple(LinkedNeuron(n, 1, 0.1, 0.1) for n in mine))
            for i, mine in enumerate(neurons)
        ),
        NEURONS,
    )


def explained(reading=None, links=None, video="clip.mp4", notes=()):
    reading = make_reading() if reading is None else reading
    seconds = np.arange(reading.activations.shape[0]) / 2
    return explanation(video, reading, seconds, links or make_links(), notes)


def with_accounts():
    """A reading of a model with topic neurons."""
    rng, reading = np.random.default_rng(2), make_reading()
    parts = {name: rng.normal(size=len(WORDS)) for name in ("state", "word_before", "bias", "scores")}
    parts |= {name: rng.normal(size=(len(WORDS), NEURONS)) for name in ("neurons", "neurons_by_state")}
    return dataclasses.replace(reading, accounts=parts | {"features": np.zeros(len(WORDS))})


def told_by_features(reading=None):
    reading = make_reading() if reading is None else reading
    return explanation("v7", reading, None, make_links(), [BROUGHT_FEATURES], ["a dog is running"])


def bare(reading):
    return dataclasses.replace(reading, frames=None, neurons=None, scores=None, previous=None, topic_timeline=None)


def jpegs(count=TIME):
    files = []
    for shade in range(count):
        file = io.BytesIO()
        Image.fromarray(np.full((12, 16, 3), 40 * shade % 255, np.uint8)).save(file, "JPEG")
        files.append(file.getvalue())
    return files


def with_extras(words=WORDS, drop=0.5):
    """An explanation with heat maps, of the caption and of its second word, and a check."""
    cells = ((0.5, -0.25), (0.0, 1.0))
    return dataclasses.replace(
        explained(make_reading(words)),
        heat_maps=(HeatMap(None, 1, cells), HeatMap(1, 3, cells)),
        check=DeletionCheck((-2.0, -3.0), (-2.0, -2.5), drop, 0.25),
    )


PAGES = {
    "whole": lambda: page(explained(), jpegs()),
    "without relevance": lambda: page(explained(bare(make_reading())), jpegs()),
    "without pictures": lambda: page(explained()),
    "features alone": lambda: page(told_by_features()),
    "without topics": lambda: page(
        explanation("clip", dataclasses.replace(make_reading(), topic_scores=None), range(TIME)), jpegs()
    ),
    "without a word": lambda: page(explained(make_reading(words=())), jpegs()),
    "one frame": lambda: page(explained(make_reading(time=1)), jpegs(1)),
    "heat maps and check": lambda: page(with_extras(), jpegs(), jpegs(2)),
    "with accounts": lambda: page(explained(with_accounts()), jpegs()),
    "with an atlas": lambda: page(explained(with_accounts()), way=Way("../atlas")),
    "index": lambda: index([Entry("a b.mp4", "a-b.html", "a dog", jpegs()[0]), Entry("c.mp4", None, "cannot be read")]),
}


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_is_whole_and_asks_for_nothing_from_elsewhere(kind):
    text = PAGES[kind]()
    parsed = Parsed(text)
    assert not parsed.all("script") and not parsed.all("link") and not parsed.all("iframe")
    for tag, attributes in parsed.elements:
        assert attributes.get("src", "data:").startswith("data:")
        assert not any(name.startswith("on") for name in attributes)
        assert tag == "a" or "href" not in attributes
    assert not re.search(r"https?:|url\(|@import|NaN|nan%|None", text)
    assert parsed.all("meta", name="viewport") and parsed.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "@media print" in text and "prefers-color-scheme: dark" in text


def test_names_out_of_a_data_set_stay_text():
    words = ("a", HOSTILE)
    strange = explanation(HOSTILE, make_reading(words), None, make_links(HOSTILE), [HOSTILE], [HOSTILE])
    entries = [Entry(HOSTILE, "x.html", HOSTILE, about=HOSTILE), Entry(HOSTILE, None, HOSTILE)]
    for text in (page(strange, jpegs()), index(entries)):
        parsed = Parsed(text)
        assert not parsed.all("script") and all(img["src"].startswith("data:") for img in parsed.all("img"))
        assert HOSTILE in "".join(parsed.text)


def test_topics_and_neurons_lead_to_the_atlas_where_there_is_one():
    entries = [Entry("a", "a.html", "a dog")]
    for text in (page(explained(with_accounts()), way=Way("../14/an atlas")), index(entries, atlas="../14/an atlas")):
        assert Parsed(text).all("a", href="../14/an%20atlas/index.html")
    found = {link["href"] for link in Parsed(page(explained(with_accounts()), way=Way("../atlas"))).all("a")}
    assert {f"../atlas/topic-{topic}.html" for topic in range(TOPICS)} <= found
    told = {f"../atlas/neuron-{one.neuron}.html" for word in explained(with_accounts()).words for one in word.neurons}
    assert told <= found and "index.html" in found
    without = Parsed(page(explained(with_accounts())))
    assert [link["href"] for link in without.all("a")] == ["index.html"], "the way back is there always"


def test_every_word_can_be_chosen_and_every_frame_is_seen():
    parsed = Parsed(page(explained(), jpegs()))
    choices = [choice["id"] for choice in parsed.all("input", type="radio")]
    assert choices == ["w0", "w1", "w2", "all"]
    assert {label["for"] for label in parsed.all("label")} == set(choices)
    assert len(parsed.all("input", checked=None)) == 1
    assert len(parsed.all("img")) == TIME and all(img["alt"].startswith("frame at") for img in parsed.all("img"))


def test_the_word_shown_first_has_a_meaning():
    reading = dataclasses.replace(make_reading(), frames=np.array([[9.0] * TIME, [1.0] * TIME, [2.0] * TIME]))
    assert Parsed(page(explained(reading))).all("input", checked=None)[0]["id"] == "w2"  # not w0, an article


def test_each_choice_lights_its_frames_by_their_share_of_the_strongest_or_of_twice_an_even_share():
    reading = make_reading()
    text = page(explained(reading))
    for word, (attention, relevance) in enumerate(zip(reading.attention, reading.frames)):
        look = attention / max(attention.max(), 2 / TIME)
        speak = relevance / max(np.abs(relevance).max(), 2 * np.abs(relevance).mean())
        for frame in range(TIME):
            hue = "for" if relevance[frame] > 0 else "against"
            style = f"--a:{look[frame]:.2f};--r:{abs(speak[frame]):.2f};--h:var(--{hue})"
            assert f"#w{word}:checked~.focus .f{frame}{{{style}}}" in text


def test_a_heat_map_draws_values_by_strength_and_sign():
    rows = [[0.0, 1.0, -2.0], [2.0, -1.0, 0.001]]
    cells = Parsed(CHARTS.heat_map("relevance", ["x", "y"], rows, [0, 1, 2], reach=2.0)).all("rect")
    drawn = [(cell["x"], cell["class"], cell["fill-opacity"]) for cell in cells]
    assert drawn == [("1", "for", "0.50"), ("2", "against", "1.00"), ("0", "for", "1.00"), ("1", "against", "0.50")]


def test_topics_over_time_are_as_dark_as_they_are_seen():
    timeline = np.zeros((TIME, TOPICS))
    timeline[2] = 0.4
    reading = dataclasses.replace(make_reading(words=()), topic_timeline=timeline)
    text = page(explained(reading))
    assert f"{explained(reading).topics[0].name} most at 1.0\N{NO-BREAK SPACE}s" in text
    drawn = text.partition("What it sees when")[2].partition("Its neurons over time")[0]
    assert re.findall(r'<rect x="(\d+)"[^>]*fill-opacity="([\d.]+)"', drawn) == [("2", "0.40")] * TOPICS


def test_bars_of_neurons_reach_to_the_side_of_their_sign():
    reading = make_reading()
    shares = explained(reading).words[0].neurons
    bars = Parsed(CHARTS.neuron_bars(shares, relevance=True)).all("rect")
    for share, bar in zip(shares, bars, strict=True):
        assert (bar["class"] == "for") == (share.value > 0) == (float(bar["x"]) == 0)
        assert float(bar["width"]) == pytest.approx(abs(share.value / shares[0].value), abs=1e-3)
    # An activation is neither for the word nor against it.
    assert {bar["class"] for bar in Parsed(CHARTS.neuron_bars(shares, relevance=False)).all("rect")} == {"topic"}


def test_the_exact_account_ranks_topics_and_its_bars_add_up():
    reading = with_accounts()
    text = "".join(Parsed(page(explained(reading), jpegs())).text)
    score = reading.accounts["scores"][0]
    found = " ".join(text[text.index("What it is made of, exactly") :].split("Its strongest neurons")[0].split())
    assert f"Together {signed(score)} above the mean word with content: {times(score)} times as likely." in found
    direct = reading.accounts["neurons"]
    named = [int(topic) for topic in re.findall(r"name (\d)", found)]
    assert named == np.argsort(-direct[0][:TOPICS]).tolist()
    particular = direct[0][named[0]] - direct[1:, named[0]].mean()
    assert f"{signed(particular)} over other words" in found
    (word, *_) = explained(reading).words
    drawn = re.findall(r'class="number">(.*?)<', str(CHARTS.account_bars(word.account, word.topics)))
    parts = (reading.accounts[name][0] for name in ("state", "word_before", "bias"))
    whole = sum(float(value.replace("\u2212", "-")) for value in drawn)
    assert whole == pytest.approx(direct[0].sum() + sum(parts), abs=0.05)
    assert "An exact account" in text and "raw features" not in text
    without = "".join(Parsed(page(explained(), jpegs())).text)
    assert "exact account" not in without and "through the neurons that they name" in without


@pytest.mark.parametrize("logits, said", [(0.0, "1"), (7.72, "2,300"), (-0.7, "0.5")])
def test_logits_are_told_as_a_factor(logits, said):
    assert times(logits) == said


def test_frames_are_faded_only_where_they_differ_and_the_page_says_so_first():
    def choice(relevance):
        text = page(explained(dataclasses.replace(make_reading(), frames=np.array(relevance, float))), jpegs())
        told = " ".join("".join(Parsed(text).text).split())
        return {name for name in ("w0", "w1", "w2", "all") if f"#{name}:checked~.focus .frames{{--fade" in text}, told

    faded, told = choice([[1, 1, 1, 1, 1], [1, 1.1, 1, 0.9, 1], [5, 0, 0, 0, 0]])
    assert faded == {"w2", "all"}
    assert told.index("Strong for “runs”: a few frames") < told.index("Weak for “a”, “dog”: the frames hardly differ")
    assert told.index("How strong is the evidence") < told.index("The frames")
    assert choice([[1.0] * TIME] * 3)[0] == set()


def test_weak_evidence_is_drawn_at_half_length():
    even = dataclasses.replace(make_reading(), attention=np.full((3, TIME), 1 / TIME), frames=np.full((3, TIME), 2.0))
    text = page(explained(even))
    assert set(re.findall(r"--a:([\d.]+);--r:([\d.]+)", text)) == {("0.50", "0.50")}
    heat = text.partition("Where each word looks")[2].partition("</section>")[0]
    assert set(re.findall(r'fill-opacity="([\d.]+)"', heat)) == {"0.50"}


def test_a_page_leads_to_those_beside_it():
    way = Way(back=("a b.html", HOSTILE), on=("c.html", "c"))
    parsed = Parsed(page(explained(), way=way))
    assert [link["href"] for link in parsed.all("a")] == ["index.html", "a%20b.html", "c.html"]
    assert parsed.all("a", rel="next") and not parsed.all("script") and HOSTILE in "".join(parsed.text)


def test_what_is_not_known_is_not_shown():
    text = page(explained(bare(make_reading()), notes=["A server tells no relevance."]), jpegs())
    assert "A server tells no relevance." in text and "their activation where the word looks" in text
    assert "that they name" not in text and "speaks for it" not in text
    assert "How strong is the evidence" in text
    assert 'class="map relevance"' not in text and "What it sees when" not in text


def test_features_alone_are_told_by_the_numbers_of_their_frames():
    reading = make_reading()
    text = page(told_by_features(reading))
    parsed = Parsed(text)
    assert not parsed.all("img") and "There are no pictures: the dataset brought features" in text
    assert len(parsed.all("span", class_="blank")) == TIME and "figcaption>" not in text
    word = max(range(len(WORDS)), key=lambda place: reading.attention[place].max())
    assert f"It looks most at frame\u00a0{np.argmax(reading.attention[word]) + 1}, with" in text
    assert f"frame\u00a0{TIME}</span>" in text and "0.5\u00a0s" not in text and "the last at" not in text
    assert 'class="map attention"' in text and 'class="map relevance"' in text and 'class="curve"' in text


def test_what_people_wrote_stands_beside_the_caption():
    assert [tag for tag, _ in Parsed(page(told_by_features())).elements].count("q") == 1
    assert "people wrote" not in page(explained())


def test_heat_maps_say_of_which_word_and_frame_they_are():
    hostile = Parsed(page(with_extras(("a", HOSTILE, "runs")), jpegs(), jpegs(2)))
    assert not hostile.all("script") and len(hostile.all("img")) == TIME + 2
    parsed = Parsed(page(with_extras(), jpegs(), jpegs(2)))
    told = [image["alt"] for image in parsed.all("img")[TIME:]]
    assert told == ["whole caption: heat map of the frame at 0.5\u00a0s", "dog: heat map of the frame at 1.5\u00a0s"]
    with pytest.raises(ValueError, match="zip"):
        page(with_extras(), jpegs(), jpegs(1))


@pytest.mark.parametrize("drop, said", [(0.5, "points at frames that matter"), (0.1, "trust the relevance")])
def test_the_check_says_what_its_figures_mean(drop, said):
    text = page(with_extras(drop=drop), jpegs(), jpegs(2))
    assert said in text and signed(drop) in text and "+0.25" in text
    assert "Do these frames matter" not in page(explained(), jpegs())


def test_pictures_of_another_clip_are_refused():
    with pytest.raises(ValueError, match="4 pictures for 5 frames"):
        page(explained(), jpegs(4))


def test_an_index_leads_to_the_pages_there_are():
    parsed = Parsed(PAGES["index"]())
    assert [link["href"] for link in parsed.all("a")] == ["a-b.html"]
    assert "1 video, and 1 that could not be explained" in "".join(parsed.text)


@pytest.mark.parametrize("seconds, said", [(0, "0.0\u00a0s"), (4.56, "4.6\u00a0s"), (67.2, "1:07"), (3600, "60:00")])
def test_times_are_short(seconds, said):
    assert clock(seconds) == said


def test_zero_has_no_minus():
    assert (signed(-0.001), signed(-0.5), signed(0.25)) == ("+0.00", "\u22120.50", "+0.25")


@pytest.mark.parametrize("shown", [jpegs(), [], None], ids=["with pictures", "without", "features alone"])
@pytest.mark.parametrize("reading", [make_reading(), bare(make_reading()), make_reading(words=())])
def test_the_picture_is_a_png_that_shows_something(reading, shown):
    told = told_by_features(reading) if shown is None else explained(reading)
    image = np.asarray(Image.open(io.BytesIO(picture(told, shown or ()))).convert("RGB"))
    assert image.shape[1] == 1430 and image.std() > 5
