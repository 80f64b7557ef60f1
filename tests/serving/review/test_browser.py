"""The page in a headless Chromium, used as a person would: keys alone, a phone, no script, a screen reader's view."""

import asyncio
import dataclasses
import time

import pytest

from tests.serving.review.browser import Browser
from tests.serving.review.conftest import CAPTIONS
from tests.serving.review.memory_backend import MemoryBackend
from topiclens.schemas.corrections import State
from topiclens.schemas.stretches import Stretch
from topiclens.serving.asgi import ServerThread, build_server, open_socket
from topiclens.serving.review.access import Access
from topiclens.serving.review.app import create_app
from topiclens.serving.review.shown import JobState, VideoFile

PAGES = ("/", "/clip?id=stage", "/corrections", "/refinements", "/versions", "/history", "/new", "/nix")


@pytest.fixture
def served(backend):
    """The address of the page; stopped afterwards."""
    app = create_app(backend, Access.on_loopback("ada"))
    asgi = build_server(app, connections=200)
    app.state.is_leaving = lambda: asgi.should_exit
    server = ServerThread(asgi, open_socket("127.0.0.1", 0))
    yield f"http://127.0.0.1:{server.port}"
    server.stop(grace=30)


@pytest.fixture(scope="module")
def wide():
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def phone():
    with Browser(360, 740) as browser:
        yield browser


def test_with_the_keyboard_alone_a_caption_is_corrected_taught_and_published(wide, served, backend):
    wide.faults.clear()
    wide.go(f"{served}/")
    wide.tab_to("To the content")
    wide.tab_to("a woman is standing on a stage")
    wide.press("Enter")
    wide.until("document.querySelector('#caption')")

    wide.tab_to("dance")
    wide.press(" ")  # ticked: the slider moves to where its words come in
    wide.until("document.querySelector('#caption mark')?.textContent === 'dancing'")
    assert wide.text("#chosen") == "The caption misses dance."
    wide.press("Tab")
    assert wide.focused() == "Strength of dance"
    for _ in range(2):
        wide.press("ArrowLeft")  # 1.0: too weak to say it
    wide.until("!document.querySelector('#caption mark')")
    wide.press("Home")  # less than nothing: it is not missed
    wide.until("document.querySelector('#chosen').textContent === 'No topic is ticked.'")
    wide.press("End")
    wide.until("document.querySelector('#caption mark')")

    wide.tab_to("Submit correction")
    wide.press("Enter")
    wide.until("document.querySelector('.done')")
    assert "in the ledger" in wide.text(".done") and backend.corrections()[0].topic.name == "dance"

    wide.go(f"{served}/corrections")
    wide.tab_to("Start refinement")
    wide.press("Enter")
    wide.until("document.querySelector('progress')")
    backend.finish()
    wide.until("document.body.innerText.includes('Passed the gate')")  # by itself
    wide.tab_to("Publish version 2")
    wide.press("Enter")
    wide.tab_to("Publish now")
    wide.press("Enter")
    wide.until("document.body.innerText.includes('answers from now on')")
    assert backend.latest_job().state is JobState.PUBLISHED and backend.corrections()[0].state is State.LIVE
    wide.tab_to("Roll back to version 1")
    wide.press("Enter")
    wide.tab_to("Roll back now")
    wide.press("Enter")
    wide.until("document.body.innerText.includes('Rolled back')")
    assert backend.versions()[-1].served
    assert not wide.faults


def test_a_refinement_is_followed_as_it_goes_and_cancelled(wide, served, backend):
    wide.faults.clear()
    backend.propose("stage", [1], "ada")
    backend.start_refinement("ada")
    wide.go(f"{served}/corrections")
    wide.tab_to("Cancel…")
    asked = "performance.getEntriesByType('resource').filter(r => r.name.includes('/refinement?')).map(r => r.name)"
    backend._job = dataclasses.replace(backend.latest_job(), share=0.6, seconds_left=17)
    wide.until("document.querySelector('.going').innerText.includes('60 %, about 20 s left')")
    assert wide.run("document.querySelector('progress').value") == 60
    assert wide.focused() == "Cancel…", "what changes is exchanged, and the focus stays"
    assert wide.run(asked) == [], "nobody asks again and again"
    wide.press("Enter")
    wide.until("document.querySelector('h1').textContent === 'Cancel this refinement?'")
    wide.tab_to("Cancel the refinement")
    wide.press("Enter")
    wide.until("document.querySelector('.j-cancelled')")
    assert "Cancelled by ada" in wide.text("#job") and backend.corrections()[0].state is State.PREVIEWED
    wide.tab_to("Start it again")
    wide.press("Enter")
    wide.until("document.querySelector('.j-running')")
    backend.finish()
    wide.until("document.body.innerText.includes('Passed the gate')")
    assert not wide.faults


def test_where_no_stream_is_left_the_page_asks_by_itself(served, backend, monkeypatch):
    monkeypatch.setattr(asyncio.Semaphore, "locked", lambda self: True)
    backend.propose("stage", [1], "ada")
    backend.start_refinement("ada")
    with Browser() as browser:
        browser.go(f"{served}/corrections")
        backend._job = dataclasses.replace(backend.latest_job(), share=0.7)
        browser.until("document.querySelector('.going').innerText.includes('70 %')")
        backend.finish()
        browser.until("document.body.innerText.includes('Passed the gate')")
        assert all("503" in fault for fault in browser.faults), "the stream was refused, and nothing else went wrong"


def test_a_queue_shows_captions_as_they_come(wide, served, backend, monkeypatch):
    page, whole = backend.queue(10), backend.queue
    bare = tuple(dataclasses.replace(item, caption="", captioned=False) for item in page.items)
    some = dataclasses.replace(page, items=bare, waiting=3)
    monkeypatch.setattr(backend, "queue", lambda *asked, **more: some)
    wide.go(f"{served}/")
    assert "0 of 3 clips so far" in wide.text("#clips") and "(no words)" not in wide.text()
    monkeypatch.setattr(backend, "queue", whole)
    wide.until("document.querySelector('#clips').innerText.includes('two dogs run across a field')")
    assert "so far" not in wide.text("#clips")


def test_with_keys_a_person_works_through_the_queue(wide, served, backend):
    wide.faults.clear()
    wide.go(f"{served}/?search=a")
    wide.tab_to("Begin")
    wide.press("Enter")
    wide.until("document.querySelector('#look.with-keys')")
    for key, caption in (
        ("f", "a man is in a room"),
        ("n", "two dogs run across a field"),
        ("u", "a man is in a room"),
    ):
        wide.press(key)
        wide.until(f"document.querySelector('#caption').textContent === '{caption}'")
        wide.until("document.querySelector('#look.with-keys')")
    wide.run("document.querySelector('#topic').focus()")
    for key in "sun":
        wide.press(key)  # typed, not meant
    assert wide.text("#caption") == "a man is in a room"
    wide.run("document.activeElement.blur()")
    wide.run("document.querySelector('#keys').click()")
    wide.press("s")  # turned off, here and on the next page
    wide.go(f"{served}/clip?id=room&search=a")
    assert not wide.run("document.querySelector('#keys').checked") and len(backend.looks()) == 2
    wide.run("document.querySelector('#keys').click()")
    wide.press("s")
    wide.until("location.pathname === '/' && document.querySelector('.done')")
    assert wide.run("location.search").startswith("?done=all-looked-at&search=a")
    assert {look.video_id: look.opinion.value for look in backend.looks()} == {
        "stage": "fine", "field": "unsure", "room": "skip",
    }  # fmt: skip
    assert not wide.faults


def test_with_the_keyboard_a_stretch_is_chosen_tried_and_submitted(wide, served, backend):
    wide.faults.clear()
    wide.go(f"{served}/clip?id=stage")
    outside = "[...document.querySelectorAll('.frames figure')].map(f => f.classList.contains('outside'))"
    assert not any(wide.run(outside))
    wide.tab_to("dance")
    wide.press(" ")
    wide.until("document.querySelector('#caption mark')")
    wide.run("document.querySelector('.stretch input[name=from_s]').focus()")
    wide.type("1")
    wide.press("Tab")
    wide.type("2.5")
    wide.until("[...document.querySelectorAll('.frames .outside')].length === 4")  # 0, 0.5, 3 and 3.5 s
    end = time.monotonic() + 10
    while backend.stretches[-1] is None and time.monotonic() < end:  # until the page has asked anew
        time.sleep(0.05)
    wide.tab_to("Submit correction")
    wide.press("Enter")
    wide.until("document.querySelector('.done')")
    assert backend.stretches[-1] == backend.corrections()[0].stretch == Stretch(1, 2.5)
    assert not wide.faults


def test_any_topic_can_be_searched_for_and_slid(wide, served, backend):
    wide.go(f"{served}/clip?id=room")
    wide.tab_to("Search all topics")
    wide.type("word17")
    wide.until("document.querySelector('[data-group=found] [data-topic=\"17\"]')")
    wide.tab_to("topic 17")
    wide.press(" ")
    wide.until("document.querySelector('.topic[data-topic=\"17\"].moved')")
    wide.press("Tab")
    wide.press("End")
    wide.until("document.querySelector('#caption mark')?.textContent === 'word17'")
    wide.run("document.querySelector('#reset').focus()")
    wide.press("Enter")
    wide.until("document.querySelector('#caption').textContent === 'a man is in a room'")
    assert wide.text("#about") == "What version 1 says."


def test_with_the_keyboard_a_word_marks_its_frames_by_relevance_or_by_attention(wide, served):
    def marks():
        widths = "[...document.querySelectorAll('.frames figure')].map(f => Number(f.style.getPropertyValue('--w')))"
        against = "[...document.querySelectorAll('.frames figure')].findIndex(f => f.classList.contains('against'))"
        return wide.run(widths), wide.run(against)

    wide.go(f"{served}/clip?id=stage")
    wide.tab_to("all frames")
    wide.press("ArrowRight")  # around to the first word
    assert wide.focused() == "a"
    shares, against = marks()
    assert shares == pytest.approx([1, 1 / 3, 0, 0, 0, 0, 0, 0]) and against == 1
    wide.tab_to("what speaks for the word")
    wide.press("ArrowRight")
    assert wide.focused() == "where it looks"
    shares, against = marks()
    assert shares == pytest.approx([1, *7 * [0.05 / 0.65]]) and against == -1
    faint = "getComputedStyle(document.querySelectorAll('.frames img')[3]).opacity < 1"
    wide.until(faint)
    wide.run("document.querySelector('#looks [name=word]:checked').dataset.level = 'weak'")
    wide.press("ArrowLeft")
    wide.until(f"!({faint})")  # frames that hardly differ are not told apart


def test_one_caption_is_asked_for_after_many_moves(wide, served, backend):
    wide.go(f"{served}/clip?id=stage")
    wide.run("""(() => { const s = document.querySelector('[name=strength-1]');
        for (let i = 1; i <= 20; i++) { s.value = i / 10; s.dispatchEvent(new Event('input', {bubbles: true})); }
        })()""")
    wide.until("document.querySelector('#caption mark')")
    assert backend.asked == [{1: 2.0}]


def test_a_model_that_does_not_answer_is_told_where_the_caption_stands(wide, served, backend, monkeypatch):
    from topiclens.serving.review.backend import Unavailable

    def away(*_):
        raise Unavailable("The served model does not answer.")

    wide.go(f"{served}/clip?id=stage")
    monkeypatch.setattr(backend, "what_if", away)
    wide.click("[name=topic][value='1']")
    wide.until("document.querySelector('#about').textContent.includes('The served model does not answer.')")
    assert wide.text("#caption") == CAPTIONS["stage"]


def write_captions(backend):
    """One's own, another's, and one that was taken back."""
    backend.write_caption("stage", "a woman plays the xylophone", "ada")
    for by in ("ben", "cem"):
        backend.write_caption("stage", "a woman dances", by)
    backend.withdraw_caption("cem", "stage", "1", "ada")


def test_with_the_keyboard_a_caption_is_written_and_what_it_says_is_corrected(wide, served, backend):
    wide.go(f"{served}/clip?id=stage")
    wide.tab_to("Your caption")
    wide.type("a woman plays the guitar")
    wide.press("Enter")
    wide.until("document.querySelector('.done')")
    (written,) = backend.written_captions()
    assert (written.video_id, written.text, written.by) == ("stage", "a woman plays the guitar", "ada")
    assert not backend.looks(), "the letters that were typed are no keys of the buttons"
    assert "guitar" in wide.text("#chosen"), "its topic is ticked"
    wide.tab_to("Submit correction")
    wide.press("Enter")
    wide.until("document.querySelector('.corrections strong')")
    assert [one.topic.name for one in backend.corrections()] == ["guitar"]


def test_no_page_is_wider_than_a_phone(phone, served, backend):
    long = MemoryBackend({"x" * 200: "w" * 120})
    backend._captions |= long._captions
    backend.propose("x" * 200, [1, 3], "a" * 80)
    backend.write_caption("x" * 200, "x" * 180, "a" * 80)
    backend.start_refinement("ada")
    backend.finish(culprits=[backend.corrections()[0].id])
    backend.start_refinement("b" * 80, [c.id for c in backend.corrections() if c.state is State.PREVIEWED])
    asked = f"/refinements/cancel?id={backend.latest_job().id}"
    for path in (*PAGES, f"/clip?id={'x' * 200}", asked):
        phone.go(served + path)
        assert phone.run("document.documentElement.scrollWidth") <= 360, path
    phone.go(f"{served}/clip?id=stage")
    small = phone.run("""[...document.querySelectorAll('main button, main input, nav a')].filter(e => e.offsetParent)
        .map(e => [e.name || e.textContent, (e.closest('label') ?? e).getBoundingClientRect().height])
        .filter(([, height]) => height < 24)""")
    assert small == []  # WCAG 2.2, 2.5.8: what is touched has 24 pixels


def test_a_screen_reader_finds_names_roles_and_one_main_heading(wide, served, backend):
    backend.propose("stage", [1], "ada")
    write_captions(backend)
    for path in PAGES:
        wide.go(served + path)
        nodes = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in wide.tree() if "role" in n]
        roles = [role for role, _ in nodes]
        assert roles.count("main") == 1 and roles.count("banner") == 1 and roles.count("contentinfo") == 1, path
        unnamed = {"button", "link", "checkbox", "slider", "searchbox", "textbox", "navigation", "progressbar"}
        assert not [role for role, name in nodes if role in unnamed and not name.strip()], path
        assert wide.run("document.querySelectorAll('h1').length") == 1
        levels = wide.run("[...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))")
        assert all(after - before <= 1 for before, after in zip(levels, levels[1:])), (path, levels)
        assert wide.run("document.documentElement.lang") == "en"
        identifiers = wide.run("[...document.querySelectorAll('[id]')].map(e => e.getAttribute('id'))")
        assert len(identifiers) == len(set(identifiers)), path
    wide.go(f"{served}/clip?id=stage")
    assert wide.run("document.querySelector('#caption').getAttribute('aria-live')") == "polite"
    assert wide.run("document.querySelector('[name=strength-1]').getAttribute('aria-valuetext')") == "0"


# The contrast of every text with what lies behind it: WCAG 2.1, 1.4.3, relative luminance as defined there.
CONTRASTS = """(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = parts(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; }
    return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const text = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent.trim()).join('');
    if (!text || !e.offsetParent || e.closest('.unseen, .skip, [hidden], :disabled')) continue;
    const style = getComputedStyle(e), [a, b] = [light(parts(style.color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push([text.slice(0, 30), style.color, ratio.toFixed(2)]);
  }
  return found; })()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out(served, backend, dark):
    backend.propose("stage", [1, 3], "ada")
    write_captions(backend)
    backend.start_refinement("ada")
    backend.finish(culprits=[backend.corrections()[0].id])
    with Browser(dark=dark) as browser:
        for path in (*PAGES, "/clip?id=stage&strength-1=2"):
            browser.go(served + path)
            assert browser.run(CONTRASTS) == [], path


def test_without_a_script_the_forms_do_it_all(served, backend):
    with Browser(script=False) as browser:
        browser.go(f"{served}/clip?id=stage")
        for name in ("dance", "Strength of dance"):
            browser.tab_to(name)
        for _ in range(12):
            browser.press("ArrowRight")
        browser.tab_to("Show the caption")
        browser.press("Enter")
        browser.until("location.search.includes('strength-1=1.5')")
        assert browser.text("#caption mark") == "dancing"
        browser.tab_to("Submit correction")
        browser.press("Enter")
        browser.until("document.querySelector('.done')")
        assert backend.corrections()[0].topic.name == "dance"
        assert not browser.run("document.querySelector('.keys').offsetParent"), "there are no keys"
        browser.tab_to("Fine")
        browser.press("Enter")
        browser.until("location.search.startsWith('?id=room')")
        assert backend.looks()[0].video_id == "stage"


def test_a_film_that_the_browser_cannot_decode_gives_way_to_its_frames(wide, served, backend, tmp_path, monkeypatch):
    (tmp_path / "clip.mp4").write_bytes(b"no film at all" * 100)
    clip = dataclasses.replace(backend.clip("stage"), playable=True)
    monkeypatch.setattr(backend, "clip", lambda *_: clip)
    monkeypatch.setattr(backend, "video", lambda video_id: VideoFile(tmp_path / "clip.mp4", "video/mp4", 8.2, 9.7))
    wide.go(f"{served}/clip?id=stage")
    wide.until("document.querySelector('.film .note')")
    assert wide.text(".film .note") == "This browser cannot play the film; its frames are below."
    assert wide.run("document.querySelector('video') === null")
    assert wide.run("document.querySelectorAll('.frames figure').length") == clip.frames


def test_motion_stops_where_people_ask_for_it(wide, served):
    wide._send("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    wide.go(f"{served}/clip?id=stage")
    durations = wide.run("[...document.querySelectorAll('*')].map(e => getComputedStyle(e).transitionDuration)")
    wide._send("Emulation.setEmulatedMedia", features=[])
    assert set(durations) == {"0s"}


def test_screenshots(wide, phone, served, backend, tmp_path):
    """Pictures to be looked at lie in the test's folder; here, that none is blank."""
    from PIL import Image

    for browser, kind in ((wide, "wide"), (phone, "phone")):
        for path in PAGES:
            browser.go(served + path)
            file = tmp_path / f"{kind}-{path.strip('/').partition('?')[0] or 'queue'}.png"
            browser.picture(file)
            assert len(Image.open(file).convert("RGB").getcolors(2**24)) > 20
