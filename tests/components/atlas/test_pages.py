"""The atlas' pages hold together, and nothing that data is called can break out of the text."""

import base64
import dataclasses
import hashlib
import json
import re

import pytest

from tests.components.atlas.conftest import NAMES, study
from tests.components.relevance.test_page import Parsed
from tests.serving.review.browser import Browser
from topiclens.components.atlas.pages import write_atlas
from topiclens.components.neurons.evaluator import ChangedMeaning
from topiclens.schemas.plain import to_plain

HOSTILE = '</title></style><script>alert("1")</script><img src="http://example.org/x.png">'
HOSTILE_WORD = HOSTILE.replace(" ", "/")


@pytest.fixture(scope="module")
def folder(studied, tmp_path_factory):
    path = tmp_path_factory.mktemp("atlas")
    changed = (ChangedMeaning(2, "before", "after"), ChangedMeaning(99, "before", None))
    assert write_atlas(path, dataclasses.replace(studied.atlas, changed=changed)) == str(path / "index.html")
    return path


def pages(folder):
    return {path.name: Parsed(path.read_text()) for path in folder.glob("*.html")}


def test_there_is_a_page_for_each_topic_and_each_neuron_and_every_link_leads_somewhere(folder, studied):
    found = pages(folder)
    topics, neurons = (range(len(entries)) for entries in (studied.atlas.topics, studied.atlas.neurons))
    assert set(found) == {"index.html", *(f"topic-{t}.html" for t in topics), *(f"neuron-{n}.html" for n in neurons)}
    for parsed in found.values():
        ids = {attributes.get("id") for _, attributes in parsed.elements}
        links = [attributes["href"] for tag, attributes in parsed.elements if tag == "a"]
        assert links
        for link in links:
            assert link[1:] in ids if link.startswith("#") else (folder / link).is_file(), link
    reached = {link["href"] for link in found["index.html"].all("a")}
    assert set(found) - {"index.html"} <= reached, "the index leads to all of them"


def test_topics_and_neurons_lead_to_each_other(folder, studied):
    for topic in studied.atlas.topics:
        for one in topic.neurons:
            assert Parsed((folder / f"topic-{topic.id}.html").read_text()).all("a", href=f"neuron-{one.neuron}.html")
            assert Parsed((folder / f"neuron-{one.neuron}.html").read_text()).all("a", href=f"topic-{topic.id}.html")


def test_pages_ask_for_nothing_from_elsewhere_and_run_no_other_script_than_the_filter(folder):
    for name, parsed in pages(folder).items():
        text = (folder / name).read_text()
        assert not re.search(r"https?:|url\(|@import|\bNaN\b|\bnan\b|\bNone\b|inf\b", text), name
        assert not any(key.startswith("on") for _, attributes in parsed.elements for key in attributes)
        (policy,) = parsed.all("meta", **{"http-equiv": "Content-Security-Policy"})
        scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        if name != "index.html":
            assert not scripts and "script-src" not in policy["content"]
            continue
        digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
        assert len(scripts) == 1 and f"script-src 'sha256-{digest}'" in policy["content"]


def test_names_words_and_ids_out_of_data_stay_text(tmp_path):
    names = (HOSTILE, *NAMES[1:])
    atlas = study(names, ("a", "man", HOSTILE_WORD, "runs"), HOSTILE + "{}").atlas
    hostile_clips = {name: dataclasses.replace(clip, caption=HOSTILE) for name, clip in atlas.clips.items()}
    changed = (ChangedMeaning(0, HOSTILE, HOSTILE),)
    write_atlas(tmp_path, dataclasses.replace(atlas, clips=hostile_clips, changed=changed))
    for name, parsed in pages(tmp_path).items():
        assert not parsed.all("img") and len(parsed.all("script")) == (name == "index.html")
        assert {path.suffix for path in tmp_path.iterdir()} == {".html", ".json"}
    shown = "".join(pages(tmp_path)["topic-0.html"].text)
    assert HOSTILE in shown and HOSTILE_WORD in shown and f"{HOSTILE}val" in shown
    assert json.loads((tmp_path / "atlas.json").read_text())["topics"][0]["name"] == HOSTILE


def told(path):
    return " ".join("".join(Parsed(path.read_text()).text).split())


def test_what_rests_on_few_clips_is_marked(folder, studied):
    marked = [topic for topic in studied.atlas.topics if topic.detection and topic.few]
    assert marked and len(marked) < len(studied.atlas.topics)
    for topic in studied.atlas.topics:
        text = (folder / f"topic-{topic.id}.html").read_text().partition("What does raising it do")[0]
        assert ('class="few">' in text) == (topic in marked)


def test_pages_tell_what_raising_and_suppressing_does_in_how_many_captions(folder, studied):
    raised = (
        "Raised (strength 1.5) in 8 clips that lack it: one of its words enters 6 of the captions, 5 of them fluent."
    )
    put_down = (
        "Put down (strength \u22120.5) in 1 clip whose caption says it: its words leave 1 of the captions, 0 of them"
    )
    own = next(one.neuron for one in studied.atlas.neurons if one.made_for == 0)
    free = next(one.neuron for one in studied.atlas.neurons if one.made_for is None)
    for name in ("topic-0", f"neuron-{own}"):
        text = told(folder / f"{name}.html")
        assert raised in text and f"{raised} few" not in text
        assert f"{put_down} fluent. few" in text
    assert "Raised (strength 1.5) in 1 clip that lacks it" in told(folder / "topic-2.html")
    assert "Nobody asked" in told(folder / "topic-1.html") and "Put down" not in told(folder / "topic-2.html")
    assert "A free neuron is not steered" in told(folder / f"neuron-{free}.html")
    assert studied.atlas.neurons[own].steered_by == 0 and studied.atlas.neurons[free].steered_by is None


def test_the_index_says_in_one_sentence_which_topics_got_worse(tmp_path):
    def previous(links, figures):
        before = to_plain(figures)
        for place, row in enumerate(before["by_topic"]):
            row["top"]["average_precision"] += (0.1, -0.1, 0.2)[place % 3]
            row["videos"] = 4 + place
        return links, before

    atlas = study(previous=previous).atlas
    write_atlas(tmp_path, atlas)
    index = told(tmp_path / "index.html")
    fell = [topic for topic in atlas.compared if topic.fell]
    names = ", ".join(topic.name for topic in fell)
    assert len(fell) > 1 and len(fell) < len(atlas.compared)
    assert f"{len(fell)} of {len(atlas.compared)} topics that both models know are told worse" in index
    assert f"blessed model: {names}." in index and fell[0].rise == pytest.approx(-0.2)
    for topic in atlas.compared:
        page = told(tmp_path / f"topic-{topic.id}.html")
        assert f"measured on {topic.held_out_before} clips" in page
        assert f"{'fell' if topic.fell else 'rose'} by {abs(topic.rise):.3f} since" in page
        assert topic.few_compared == (min(topic.held_out, topic.held_out_before) < 5)


def test_a_histogram_draws_the_shares_of_clips_and_says_so_in_words(folder, studied):
    one = next(one for one in studied.atlas.neurons if one.subject is not None and any(one.histogram.with_topic))
    parsed = Parsed((folder / f"neuron-{one.neuron}.html").read_text())
    (chart,) = parsed.all("svg", role="img")
    name = studied.atlas.topics[one.subject].name
    assert name in chart["aria-label"] and chart["aria-label"].startswith("Histogram")
    shares = {"with": one.histogram.with_topic, "without": one.histogram.without}
    top = max(count / sum(counts) for counts in shares.values() for count in counts)
    for kind, counts in shares.items():
        drawn = [float(bar["height"]) for bar in parsed.all("rect", class_=kind)]
        assert drawn == pytest.approx([count / sum(counts) / top for count in counts if count], abs=1e-3)


def test_the_numbers_are_there_once_for_programs(folder, studied):
    told = json.loads((folder / "atlas.json").read_text())
    assert [topic["name"] for topic in told["topics"]] == list(NAMES)
    assert len(told["neurons"]) == len(studied.atlas.neurons) and told["split"] == "val"


@pytest.mark.parametrize("script", [True, False])
def test_the_index_finds_by_words_and_is_whole_without_a_script(folder, studied, script):
    rows = "[...document.querySelectorAll('tbody tr')].filter(row => row.offsetParent).length"
    with Browser(360, 800, dark=script, script=script) as window:
        window.go((folder / "index.html").as_uri())
        whole = len(studied.atlas.topics) + len(studied.atlas.neurons) + 2  # and what changed
        assert window.run(rows) == whole
        assert window.run("document.documentElement.scrollWidth") == 360
        assert window.run("getComputedStyle(document.querySelector('.filter')).display !== 'none'") == script
        if script:
            window.tab_to("Find a topic, a word or a neuron")
            window.type("NEURON 7")
            window.until("document.getElementById('found').textContent.startsWith('0 of 5 topics, 1 of ')")
            assert window.run(rows) == 1 + 2
        assert not window.faults
