"""What people come for, each done in a real browser within six clicks."""

import dataclasses

import pytest

from tests.components.atlas.conftest import study
from tests.serving.review.browser import Browser
from topiclens.components.atlas.pages import write_atlas
from topiclens.schemas.corrections import State
from topiclens.schemas.plain import to_plain
from topiclens.serving.asgi import ServerThread, build_server, open_socket
from topiclens.serving.review.access import Access
from topiclens.serving.review.app import create_app
from topiclens.serving.review.shown import JobState

MOST_CLICKS = 6


class Person:
    """Somebody with a mouse, who clicks on what they read and types; clicks are counted."""

    def __init__(self, window: Browser, address: str):
        self.window, self.clicks = window, 0
        window.go(address)

    def click(self, text: str, within: str = "body") -> None:
        """Clicks on the first thing that reads so, and waits for a page that has loaded."""
        script = f"""(() => {{
          document.querySelectorAll('[data-wanted]').forEach(e => e.removeAttribute('data-wanted'));
          const found = [...document.querySelectorAll({within!r} + ' :is(a, button, summary, label, input)')].find(
            e => e.checkVisibility()
              && (e.innerText || e.name || '').replace(/\\s+/g, ' ').trim().startsWith({text!r}));
          if (found) found.dataset.wanted = 'yes';
          return Boolean(found); }})()"""
        self.window.until(script)
        self.window.click("[data-wanted]")
        self.clicks += 1

    def choose(self, select: str, value: str) -> None:
        """Opens a list and clicks on one of its entries."""
        assert (
            self.window.run(f"""(() => {{ const list = document.querySelector({select!r});
            list.value = {value!r}; return list.value; }})()""")
            == value
        ), "it is on the list"
        self.clicks += 2

    def reads(self, text: str) -> None:
        self.window.until(f"document.body.innerText.replace(/\\s+/g, ' ').includes({text!r})")


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    """That of a model with 128 neurons, some of whose topics fell since the last one."""

    def previous(links, figures):
        before = to_plain(figures)
        for place, row in enumerate(before["by_topic"]):
            row["top"]["average_precision"] += 0.2 if place else -0.1
        return links, before

    found = study(previous=previous).atlas
    more = tuple(dataclasses.replace(found.neurons[7], neuron=n) for n in range(len(found.neurons), 128))
    path = tmp_path_factory.mktemp("run") / "atlas"
    write_atlas(path, dataclasses.replace(found, neurons=found.neurons + more))
    return path, found


@pytest.fixture(scope="module")
def window():
    with Browser() as browser:
        yield browser


@pytest.fixture
def person(window, atlas, backend):
    """Ada, before the queue."""
    app = create_app(backend, Access.on_loopback("ada"), atlas=str(atlas[0]))
    asgi = build_server(app, connections=50)
    app.state.is_leaving = lambda: asgi.should_exit
    server = ServerThread(asgi, open_socket("127.0.0.1", 0))
    window.faults.clear()
    ada = Person(window, f"http://127.0.0.1:{server.port}/")
    yield ada
    window.go("about:blank")  # a page of a refinement would ask on
    server.stop(grace=30)
    assert ada.clicks <= MOST_CLICKS
    assert not window.faults


def test_find_what_neuron_98_means(person, atlas):
    person.click("Atlas", "nav")
    person.click("Find a topic", "form")
    person.window.type("neuron 98")
    person.window.until("document.getElementById('found').textContent.startsWith('0 of 5 topics, 1 of 128')")
    person.click("neuron 98", "#neurons")
    person.reads("Neuron 98:")
    said = person.window.text()
    assert "When is it active?" in said and atlas[1].neurons[7].words_for[0].word in said


def test_repair_this_caption(person, backend):
    """From the clip whose caption misses the dance: one click is left for looking at it."""
    person.window.go(person.window.run("location.origin") + "/clip?id=stage")
    person.click("dance", ".misses")
    person.window.until("document.querySelector('#caption mark')?.textContent === 'dancing'")
    person.click("Submit correction")
    person.reads("in the ledger")
    person.click("Corrections", "nav")
    person.click("Start refinement")
    person.window.until("document.querySelector('.j-running')")
    backend.finish()
    person.click("Publish version 2")
    person.click("Publish now")
    person.reads("answers from now on")
    assert backend.latest_job().state is JobState.PUBLISHED and backend.clip("stage").caption.endswith("dancing")


def test_take_back_last_weeks_correction(person, backend):
    backend.propose("stage", [1], "ada")
    backend.start_refinement("ada")
    backend.finish()
    backend.publish("ada")
    backend.propose("room", [3], "bob")  # of this week
    person.click("Corrections", "nav")
    person.click("Take back", "[aria-labelledby=others-title]")
    person.click("Take it back")
    person.reads("built anew without that correction")
    states = {one.video_id: one.state for one in backend.corrections()}
    assert states == {"room": State.PREVIEWED, "stage": State.REVOKED}
    assert [one.video_id for one in backend.corrections() if one.id in backend.latest_job().corrections] == ["stage"]


def test_see_which_topics_have_got_worse_since_the_last_version(person, atlas):
    person.click("Atlas", "nav")
    person.click("Which topics got worse?", "nav")
    person.window.until("location.hash === '#since'")
    top = "document.getElementById('since').getBoundingClientRect().top"
    person.window.until(f"{top} >= -1 && {top} < innerHeight")
    fell = [topic.name for topic in atlas[1].compared if topic.fell]
    rows = person.window.run("[...document.querySelectorAll('#since tbody th')].map(e => e.innerText)")
    assert 0 < len(fell) < len(atlas[1].compared) and rows[: len(fell)] == fell
    assert f"{len(fell)} of {len(atlas[1].compared)} topics that both models know" in person.window.text("#since")


def test_see_which_clips_a_reviewer_corrected(person, backend):
    backend.propose("stage", [1], "bob")
    backend.propose("room", [1], "rita")
    person.window.go(person.window.run("location.origin") + "/")
    person.choose("#reviewer", "bob")
    person.choose("#state", "corrected")
    person.click("Show", ".filters")
    person.window.until("location.search.includes('reviewer=bob')")
    person.reads("1 clip")
    assert person.window.run("[...document.querySelectorAll('.card .id')].map(e => e.innerText.split(' ')[0])") == [
        "stage"
    ]


def test_a_topics_page_leads_on_to_the_clips_that_miss_it_and_back(person, backend):
    backend.propose("stage", [1], "bob")
    person.click("Atlas", "nav")
    person.click("dog", "#topics tbody th")
    person.click("stage", "#corrections")
    person.window.until("document.querySelector('#caption')")
    person.window.run("history.back()")
    person.window.until("document.querySelector('#corrections')")
    person.click("Queue", "nav[aria-label=review]")
    person.reads("Which captions are worth a look")
