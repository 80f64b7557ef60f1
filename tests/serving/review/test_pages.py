"""What people see, and what forms do: everything here works without a script."""

import re
from dataclasses import replace

import pytest

from tests.serving.review.conftest import CAPTIONS, opened, send
from tests.serving.review.memory_backend import FRAMES, TOPICS, MemoryBackend
from topiclens.components.refinement.gate import KEPT
from topiclens.components.refinement.outlook import READS_WELL, TEACHABLE, UNSAID, UNSTEADY
from topiclens.schemas.corrections import State
from topiclens.schemas.stretches import Stretch
from topiclens.serving.review import text
from topiclens.serving.review.shown import JobState, Suggestion, TopicChoice

HOSTILE = """<script>alert(1)</script><img src=x onerror=alert(2)>" onmouseover='x' {{7*7}} &amp; ../../etc"""


def test_every_page_opens_and_says_where_one_is(browser):
    pages = ("/", "Queue"), ("/corrections", "Corrections"), ("/versions", "Versions"), ("/history", "History")
    for path, name in (*pages, ("/new", "New clip")):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert re.search(rf'aria-current="page">{name}<', answer.text)
    assert browser.get("/clip?id=stage").status_code == 200


def test_the_queue_shows_clips_in_the_backend_s_order_with_reasons(browser):
    text = browser.get("/").text
    assert text.index("a woman is standing") < text.index("a man is in a room") < text.index("two dogs run")
    assert "unsure of 3 words" in text and "3 clips" in text
    assert "two dogs" not in browser.get("/?search=room").text
    assert "No clip has" in browser.get("/?search=zebra").text


def test_a_queue_that_is_being_captioned_says_so_and_is_shown_anew(browser, backend, monkeypatch):
    assert "refresh" not in browser.get("/").text and "queue.js" not in browser.get("/").text
    page = backend.queue(10)
    first = replace(page.items[0], caption="", score=0.0, captioned=False, reasons=("not captioned yet",))
    wordless = replace(page.items[1], caption="")
    monkeypatch.setattr(backend, "queue", lambda *_, **__: replace(page, items=(first, wordless), clips=3, waiting=1))
    text = browser.get("/").text
    assert "2 of 3 clips so far" in text and 'http-equiv="refresh"' in text and "/static/queue.js" in text
    card = re.search('<li class="card">.*?</li>', text, re.S)[0]
    assert "(no words)" not in card and "0.00" not in card and ">stage</a>" in card
    assert text.count("(no words)") == 1, "that is what a model says that says nothing"


def test_long_queues_are_turned_page_by_page():
    browser = opened(MemoryBackend({f"clip-{i}": f"caption number {i}." for i in range(50)}))
    seen, address, pages = [], "/", 0
    while address:
        text = browser.get(address).text
        seen += re.findall(r"caption number (\d+)\.", text)
        following = re.search('rel="next" href="([^"]+)"', text)
        address, pages = following and following[1], pages + 1
    assert [int(i) for i in seen] == list(range(50)) and pages == 3


def test_a_clip_shows_the_evidence(browser):
    text = browser.get("/clip?id=stage").text
    for evidence in (
        "a woman is standing on a stage", "somebody dances on a stage", "2 of 2 people say “dancing”",
        "What the neurons of its topics do", "0.38", 'max="2.0"', "/frame?id=stage&amp;index=7",
    ):  # fmt: skip
        assert evidence in text
    assert 'name="strength-1"' in text and 'data-first="1.25"' in text


def test_each_word_shows_the_frames_topics_and_neurons_that_it_comes_from(browser, backend):
    text = browser.get("/clip?id=stage").text
    section = re.search('aria-labelledby="origins-title">.*?</section>', text, re.S)[0]
    cards = re.findall("<figure.*?</figure>", section, re.S)
    assert [re.search("<figcaption>(.*?)<", card)[1] for card in cards] == CAPTIONS["stage"].split()
    for place, (card, word) in enumerate(zip(cards, backend.clip("stage").words)):
        told = " ".join(re.sub("<[^>]+>", " ", card).split())
        assert "Score +4.50: frames +1.00, words before +2.00, constants +1.50." in told
        assert word.score == word.from_frames + word.from_words + word.from_biases
        first, second = place % FRAMES + 1, (place + 1) % FRAMES + 1
        assert f"Strongest frames: {first} +1.50, {second} -0.50, " in told
        assert "Strong evidence : a few frames give most of it (81 % would have to go" in told
        assert (
            f"50 % lies in other frames than that of the other words, most of that at {(first - 1) / 2:.1f} s" in told
        )
        assert (
            "dance 3 neurons, has the word, +0.75 over other words +1.25" in told and "guitar 2 neurons -0.50" in told
        )
        assert "Through 9 neurons that no topic names: +0.25. Strongest neurons: 10 (dance) +1.25, 99 -0.25." in told
        assert card.count("<rect") == FRAMES + 2 and card.count('class="against"') == 2


def test_an_activation_beyond_1_is_within_its_chart(backend, monkeypatch):
    clip = backend.clip("stage")
    line = clip.timelines[0]
    high = replace(line, neurons=(replace(line.neurons[0], activations=(2.0,) * FRAMES),))
    for timelines, edge in ((clip.timelines, "1.10"), ((high, *clip.timelines[1:]), "2.20")):
        monkeypatch.setattr(backend, "clip", lambda *_, found=timelines: replace(clip, timelines=found))
        text = opened(backend).get("/clip?id=stage").text
        assert text.count(f'viewBox="0 -{edge} {FRAMES - 1} {2 * float(edge):.2f}"') == len(timelines)


def test_a_model_that_tells_no_relevance_says_what_to_do():
    text = opened(MemoryBackend({"a": "a man"}, relevance=False)).get("/clip?id=a").text
    assert "was exported before models told relevance" in text and "Mark them by" not in text
    assert 'data-attention="0.65 ' in text


def test_a_topic_that_the_backend_does_not_offer_is_no_choice_though_the_model_sees_it():
    class Closed(MemoryBackend):
        def topics(self, search=""):
            return [topic for topic in super().topics(search) if topic.id != 0]

    closed, plain = (opened(backend({"stage": "a woman"})) for backend in (Closed, MemoryBackend))
    text = closed.get("/clip?id=stage&topic=dog&strength-0=1").text
    assert 'name="strength-0"' not in text
    rows = plain.get("/clip?id=stage").text.count('class="topic"')
    assert text.count('class="topic"') == rows, "another topic takes its place"


def test_what_is_new_in_a_caption_is_marked_phrase_by_phrase():
    phrases = text.compare_captions("a man is in a room", "a man plays the guitar in a big room")
    assert [(phrase.text, phrase.new) for phrase in phrases] == [
        ("a man", False), ("plays the guitar", True), ("in a", False), ("big", True), ("room", False),
    ]  # fmt: skip
    assert text.compare_captions("a man", "a man") == [text.Phrase("a man", False)]
    assert text.compare_captions("a man", "") == []


def test_features_alone_are_said_and_frames_numbered():
    text = opened(MemoryBackend({"a": "a man"}, pictures=False)).get("/clip?id=a").text
    assert "features without pictures" in text and "/frame?" not in text and '<div class="blank">8</div>' in text


def test_a_topic_without_a_neuron_can_be_missed_but_not_tried(browser):
    text = browser.get("/clip?id=stage&topic=snow").text
    row = re.search('<li class="topic" data-topic="4">.*?</li>', text, re.S)[0]
    assert "disabled" in re.search('<input type="range".*?>', row)[0]
    assert "disabled" not in re.search('<input type="checkbox".*?>', row)[0]


def test_without_a_script_the_form_shows_the_caption_of_moved_topics(browser, backend):
    text = browser.get("/clip?id=stage&strength-1=1.25&strength-2=0&strength-0=-2").text
    assert backend.asked == [{1: 1.25, 0: -2.0}]
    assert "<mark>dancing</mark>" in text and "<mark>woman</mark>" not in text
    assert "would say" in text and "answered in 12 ms" in text


def test_without_a_script_a_stretch_is_tried_and_submitted(browser, backend):
    text = browser.get("/clip?id=stage&strength-1=2&from_s=0.5&to_s=2").text
    assert backend.stretches == [Stretch(0.5, 2)] and "its frames are at 0.0 s to 3.5 s" in text
    for name, value in (("from_s", "0.5"), ("to_s", "2.0")):
        assert re.search(rf'<input type="hidden" form="correct" name="{name}" value="{value}">', text)
        assert re.search(rf'<input type="number" form="try" name="{name}"[^>]* value="{value}">', text)
    send(browser, "/corrections", video_id="stage", topic="1", from_s="0.5", to_s="2")
    assert backend.corrections()[0].stretch == Stretch(0.5, 2)
    for page in ("/clip?id=stage", "/corrections"):
        assert "misses <strong>dance, 0.5 s to 2 s</strong>" in browser.get(page).text
    send(browser, "/corrections", video_id="stage", topic="1", from_s="", to_s="")
    assert backend.corrections()[0].stretch is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [("from_s=3&to_s=1", "the earlier second first"), ("from_s=3", "both ends"), ("from_s=x&to_s=y", "as seconds")],
)
def test_a_stretch_that_is_none_is_refused_in_a_sentence(browser, backend, fields, said):
    answer = browser.get(f"/clip?id=stage&strength-1=2&{fields}")
    assert answer.status_code == 422 and said in answer.text and not backend.asked


def test_a_clip_of_unknown_times_offers_no_stretch():
    assert 'class="stretch"' not in opened(MemoryBackend(CAPTIONS, pictures=False)).get("/clip?id=stage").text


@pytest.mark.parametrize("strength", ["3", "-2.1", "nan", "inf", "1e400", "x", "1,5"])
def test_strengths_beyond_bounds_are_refused_in_a_sentence(browser, backend, strength):
    answer = browser.get("/clip", params={"id": "stage", "strength-1": strength})
    assert answer.status_code == 422 and "A strength must be a number from -2 to 2." in answer.text
    assert not backend.asked


def rows_of(page, group):
    """The rows of a group of topics, in their order."""
    (found,) = re.findall(rf'data-group="{group}".*?</ul>', page, re.S)
    return re.findall('<li class="topic".*?</li>', found, re.S)


def test_what_is_suggested_first_is_what_can_be_taught_with_the_caption_that_it_would_be(browser, backend, monkeypatch):
    clip = backend.clip("stage")
    suggestions = (
        Suggestion(3, "guitar", "why <not>", 0.625, "a woman is <b>playing"),
        Suggestion(2, "kitchen", "not tried yet"),
        Suggestion(1, "dance", "lost", 0.5, "a dance", "kept"),
        Suggestion(0, "dog, ball", "refused", refused=True),
    )
    monkeypatch.setattr(backend, "clip", lambda *_: replace(clip, suggestions=suggestions))
    page = browser.get("/clip?id=stage").text
    easy, hard = rows_of(page, "suggested"), rows_of(page, "hard")
    assert [re.search(r'data-topic="(\d+)"', row)[1] for row in (*easy, *hard)] == ["3", "2", "1", "0"]
    assert 'data-first="0.625"' in easy[0], "to tick it slides it to where it would be taught"
    assert "With it</span> a woman is <mark>&lt;b&gt;playing</mark>" in easy[0] and "With it" not in easy[1]
    assert "loses words that are right. Choose another, or say from which second to which" in hard[0]
    assert "The gate refused it for this version." in hard[1]


def test_every_obstacle_has_its_sentence_and_asks_for_seconds_only_where_they_are_known():
    for against in (TEACHABLE, KEPT, READS_WELL, UNSAID, UNSTEADY):
        told = text.tell_obstacle(Suggestion(1, "dance", "", obstacle=against), True)
        assert told.endswith(".") and "{" not in told and told.count(".") == 2
        assert "second" not in text.tell_obstacle(Suggestion(1, "dance", "", obstacle=against), False)
    assert text.tell_obstacle(Suggestion(1, "dance", ""), True) == ""


def test_topics_are_found_by_their_names_and_words(browser):
    text = browser.get("/clip?id=stage&topic=ski").text
    assert re.search(r'data-group="found">.*?data-topic="4"', text, re.S) or "snow" in text
    assert "No other topic has “zebra”" in browser.get("/clip?id=stage&topic=zebra").text


def test_a_correction_goes_from_the_clip_to_the_served_model_and_out_again(browser, backend):
    answer = send(browser, "/corrections", video_id="stage", topic=["1", "3"])
    assert answer.url.path == "/clip" and "in the ledger" in answer.text and "<mark>dancing</mark>" in answer.text
    dance, guitar = [c.id for c in backend.corrections()][::-1]
    of_clip = f'name="correction_id" value="{guitar}"><input type="hidden" name="video_id" value="stage">'
    assert of_clip in answer.text and "“guitar”</span></button>" in answer.text
    assert "“guitar” of stage</span></button>" in browser.get("/corrections").text

    answer = send(browser, "/corrections/withdraw", correction_id=guitar, video_id="stage")
    assert "taken back" in answer.text and backend.corrections(State.REVOKED)[0].id == guitar

    answer = send(browser, "/refinements", correction=[dance])
    assert "Under way" in answer.text and 'value="20"' in answer.text and "loss 0.31" in answer.text
    assert "20 %, about 50 s left" in answer.text
    assert 'http-equiv="refresh"' in answer.text  # within <noscript>

    backend.finish()
    text = browser.get("/corrections").text
    assert "Passed the gate" in text and "All earlier live corrections still hold." in text and "+0.003" in text

    answer = send(browser, "/publish")
    assert answer.url.path == "/versions" and "Version 2" in answer.text and "refines version 1" in answer.text
    assert "a woman is standing on a stage dancing" in browser.get("/").text

    answer = send(browser, "/versions/rollback", version="1")
    assert "Rolled back" in answer.text and backend.versions()[1].served

    text = browser.get("/history").text
    assert text.index("rolled back") < text.index("published") < text.index("started a refinement")
    assert "ada" in text and "3 May 2026, 09:0" in text


def test_a_refused_batch_names_the_culprit_and_offers_the_rest(browser, backend):
    send(browser, "/corrections", video_id="stage", topic=["1", "3"])
    dance, guitar = [c.id for c in backend.corrections()][::-1]
    send(browser, "/refinements", correction=[dance, guitar])
    backend.finish(culprits=[guitar])
    text = browser.get("/corrections").text
    assert "Refused by the gate" in text and "the gate refuses it" in text
    offer = re.search(r"<form[^>]*>(?:(?!</form>).)*Refine without it", text, re.S)[0]
    assert re.findall('name="correction" value="([^"]+)"', offer) == [dance]
    ticked = re.findall(r'<input type="checkbox" form="refine" name="correction" value="(\w+)"( checked)?>', text)
    assert ticked == [(dance, " checked"), (guitar, "")], "what was refused is not tried again by itself"
    backend._corrections[guitar] = replace(backend._correction(guitar), next_step="Say {seconds} & <b>more</b>.")
    text = browser.get("/corrections").text
    assert text.count("Say {seconds} &amp; &lt;b&gt;more&lt;/b&gt;.") == 2, "in the job and in the list, as text"
    send(browser, "/refinements", correction=[dance])
    assert backend.latest_job().state is JobState.RUNNING and backend.latest_job().corrections == (dance,)


def refining(browser, backend):
    """A refinement of one correction that is under way."""
    send(browser, "/corrections", video_id="stage", topic=["1"])
    send(browser, "/refinements", correction=[backend.corrections()[0].id])
    return backend.latest_job()


def test_a_refinement_is_cancelled_after_a_question_and_started_again(browser, backend):
    job = refining(browser, backend)
    address = re.search('href="(/refinements/cancel[^"]+)">Cancel…', browser.get("/corrections").text)[1]
    asked = browser.get(address).text
    assert "Cancel this refinement?" in asked and "about 50 s left" in asked and "refresh" not in asked
    assert backend.latest_job().state is JobState.RUNNING, "a link changes nothing"
    answer = send(browser, "/refinements/cancel", job_id=job.id)
    assert "Cancelled: nothing was published" in answer.text and f"Cancelled by ada: {job.title}" in answer.text
    assert "There is nothing to cancel" in browser.get(address).text
    assert send(browser, "/refinements/cancel", job_id=job.id).status_code == 409
    offer = re.search(r"<form[^>]*/refinements(?:(?!</form>).)*Start it again", answer.text, re.S)[0]
    assert re.findall('name="correction" value="([^"]+)"', offer) == list(job.corrections)


@pytest.mark.parametrize("state", [JobState.BROKEN_OFF, JobState.FAILED])
def test_what_ended_early_says_so_and_is_started_again(browser, backend, state):
    job = refining(browser, backend)
    backend.end(state, error="There is no memory left." if state is JobState.FAILED else "")
    page = browser.get("/corrections").text
    assert f"{text.JOB_STATES[state]}: {job.title}" in page and "Start it again" in page
    assert ("There is no memory left." in page) != ("Everything is as it was before." in page)
    send(browser, "/corrections/withdraw", correction_id=job.corrections[0])
    assert "Start it again" not in browser.get("/corrections").text, "there is nothing left to teach"


def test_a_removal_that_ended_early_is_started_again_as_one(browser, backend):
    job = refining(browser, backend)
    backend.finish()
    send(browser, "/publish")
    backend._job = replace(backend.latest_job(), takes_out=True, state=JobState.BROKEN_OFF)
    page = browser.get("/corrections").text
    offer = re.search(r"<form((?!</form>).)*Start it again", page, re.S)[0]
    assert "/corrections/rollback" in offer and f'name="correction_id" value="{job.corrections[0]}"' in offer


def test_reviewers_cannot_cancel(tokens, backend):
    access, reviewer, publisher = tokens
    backend.propose("stage", [1], "rita")
    job = backend.start_refinement("paul")
    rita = opened(backend, access)
    rita.headers["Authorization"] = f"Bearer {reviewer}"
    assert "Cancel…" not in rita.get("/corrections").text
    assert "you are a reviewer" in rita.get("/refinements/cancel", params={"id": job.id}).text
    assert rita.post("/api/refinements/cancel", json={"job_id": job.id}).status_code == 403
    assert backend.latest_job().state is JobState.RUNNING


def test_the_next_step_after_a_refusal_is_told_by_the_check():
    checks = ("teachable", "corrected", "kept", "held-out half", "live", "fine", "metric", "neurons", "")
    steps = {(check, stretched): text.next_step(check, stretched) for check in checks for stretched in (False, True)}
    assert all(step.endswith(".") and "{" not in step for step in steps.values())
    assert len({steps[check, False] for check in checks}) == len(checks)
    assert steps["kept", False].startswith("The caption would lose words")
    assert "from which second" in steps["kept", False] and "other seconds" in steps["kept", True]


def test_all_refinements_are_listed_with_what_became_of_them_and_each_is_looked_at(browser, backend):
    assert "Nothing was refined yet." in browser.get("/refinements").text
    job = refining(browser, backend)
    backend.finish()
    backend._job = replace(backend.latest_job(), state=JobState.ROLLED_BACK, later="Ben took <it> back.")
    page = browser.get("/refinements").text
    assert "Published, and rolled back since" in page and "Ben took &lt;it&gt; back." in page
    assert "/refinements" in browser.get("/corrections").text
    one = browser.get(re.search(r'href="(/refinements\?id=[^"]+)"', page)[1]).text
    assert job.title in one and "What the gate says" in one and "Publish now" not in one
    assert browser.get("/refinements?id=nix").status_code == 404
    assert [told["later"] for told in browser.get("/api/refinements").json()] == ["Ben took <it> back."]


def test_every_state_of_a_refinement_and_of_a_correction_has_one_wording():
    for states, words in ((JobState, text.JOB_STATES), (State, text.STATES)):
        assert set(words) == set(states) and len(set(words.values())) == len(states)


def test_what_was_refused_can_be_tried_again_or_withdrawn(browser, backend):
    send(browser, "/corrections", video_id="stage", topic=["1"])
    (one,) = [c.id for c in backend.corrections()]
    send(browser, "/refinements", correction=[one])
    backend.finish(culprits=[one])
    text = browser.get("/corrections").text
    assert "Start refinement" in text and "None wait" in text
    send(browser, "/refinements", correction=[one])
    assert backend.latest_job().state is JobState.RUNNING
    backend.finish(culprits=[one])
    assert "The gate refused this already" in send(browser, "/corrections", video_id="stage", topic=["1"]).text
    send(browser, "/corrections/withdraw", correction_id=one)
    assert "Refused</h2>" not in browser.get("/corrections").text


def test_a_live_correction_is_taken_back_by_a_rebuild(browser, backend):
    send(browser, "/corrections", video_id="stage", topic=["1"])
    send(browser, "/refinements", correction=[backend.corrections()[0].id])
    backend.finish()
    send(browser, "/publish")
    assert "Take back" in browser.get("/corrections").text
    answer = send(browser, "/corrections/rollback", correction_id=backend.corrections()[0].id)
    assert "1 correction out of the served version" in answer.text


def test_a_model_that_training_left_waits_and_says_for_what(browser, backend):
    assert "It waits" not in browser.get("/versions").text
    backend._versions.insert(0, replace(backend.versions()[0], version="2", served=False, waits=True))
    text = browser.get("/versions").text
    assert "It waits: the next refinement starts from it" in text
    assert "Serve version 2 as it is" in text and "Roll back to version 2" not in text


def test_a_live_correction_that_the_new_model_lacks_is_ticked_and_what_is_taken_back_is_named(browser, backend):
    send(browser, "/corrections", video_id="stage", topic=["1", "3"])
    dance, guitar = [c.id for c in backend.corrections()][::-1]
    backend._corrections[dance] = replace(backend._correction(dance), state=State.LIVE, lacking=True)
    text = browser.get("/corrections").text
    assert f'name="correction" value="{dance}" checked' in text and "does not know it" in text
    send(browser, "/refinements", correction=[guitar])
    backend.finish()
    backend._job = replace(backend.latest_job(), takes_back=(dance,))
    text = browser.get("/corrections").text
    assert "Publishing it takes back 1 live correction: “dance” of stage." in text
    assert f'name="version" value="{backend.latest_job().candidate}"' in text


def test_the_candidate_that_a_person_saw_is_published_or_none(browser, backend):
    send(browser, "/corrections", video_id="stage", topic=["1"])
    send(browser, "/refinements", correction=[backend.corrections()[0].id])
    backend.finish()
    answer = send(browser, "/publish", version="99")
    assert answer.status_code == 409 and "has taken its place" in answer.text
    assert "Published" in send(browser, "/publish", version=backend.latest_job().candidate).text


def test_what_the_backend_refuses_is_said_in_its_words(browser):
    answer = send(browser, "/publish")
    assert answer.status_code == 409 and "No candidate waits to be published." in answer.text
    assert browser.get("/clip?id=nix").status_code == 404
    assert "There is no such clip in this run." in browser.get("/clip?id=nix").text
    assert "No topic is ticked" in send(browser, "/corrections", video_id="stage").text
    assert "No correction is ticked" in send(browser, "/refinements").text


def test_nothing_hostile_reaches_a_page_as_html():
    topics = (*TOPICS[:4], TopicChoice(99, HOSTILE, (HOSTILE,), 2))
    backend = MemoryBackend({HOSTILE: HOSTILE}, topics=topics, name=HOSTILE)
    browser = opened(backend)
    send(browser, "/corrections", video_id=HOSTILE, topic=["99"])
    send(browser, "/refinements", correction=[backend.corrections()[0].id])
    backend.finish(culprits=[backend.corrections()[0].id])
    pages = [browser.get(path) for path in ("/", "/corrections", "/versions", "/history", "/new")]
    moved = {"id": HOSTILE, "topic": HOSTILE[:9], "strength-99": "3"}
    for parameters in ({"id": HOSTILE}, moved, {"id": HOSTILE + "x"}):
        pages.append(browser.get("/clip", params=parameters))
    pages.append(browser.get("/", params={"search": HOSTILE}))
    for page in pages:
        assert page.headers["content-type"].startswith("text/html")
        tags = re.findall("<[a-zA-Z/!][^>]*>", page.text)
        assert not [tag for tag in tags if "onerror" in tag.split('"')[0] or " onmouseover='" in tag]
        assert "<script>" not in page.text and "<img src=x" not in page.text and "49 " not in page.text
    assert "&lt;script&gt;alert(1)" in pages[0].text


def test_frames_are_jpegs_or_not_found(browser):
    answer = browser.get("/frame?id=stage&index=2")
    assert answer.headers["content-type"] == "image/jpeg" and answer.content[:2] == b"\xff\xd8"
    assert browser.get("/frame?id=stage&index=8").status_code == 404
    assert browser.get("/frame?id=stage&index=-1").status_code == 422
    assert browser.get("/video?id=stage").status_code == 404
