"""A queue that people work through: what they did about a clip, what is left, and which comes next."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.serving.review.conftest import CAPTIONS, opened, send
from tests.serving.review.memory_backend import MemoryBackend
from topiclens.schemas.corrections import CorrectedTopic, Correction, Event, Look, Opinion, State, WrittenCaption
from topiclens.serving.review.access import Access
from topiclens.serving.review.marks import is_wanted, looked_at, marks_of, next_clip, share_out
from topiclens.serving.review.shown import ClipState, QueueFilter

BEGAN = datetime(2026, 5, 3, 9, 0, tzinfo=UTC)


def look(by, video_id, opinion, minute=0, version="1", caption="a man"):
    return Look(by, video_id, version, "0" * 64, caption, opinion, BEGAN + timedelta(minutes=minute))


def correction(by, video_id, minute=0, state=State.PREVIEWED):
    time = BEGAN + timedelta(minutes=minute)
    topic = CorrectedTopic(1, "dance", ("dancing",))
    return Correction("a" * 32, time, by, video_id, "0" * 64, topic, "a man", "1", (Event(state, time, by),))


def test_a_caption_that_was_written_is_something_done_until_it_is_taken_back():
    written = WrittenCaption("ada", "v", "1", "0" * 64, "train", "a cat", BEGAN + timedelta(minutes=2))
    gone = replace(written, by="ben", withdrawn_by="ada")
    marks = marks_of({}, "1", [look("ada", "v", Opinion.FINE, 1)], [], [written, gone])
    assert states(marks) == {"v": {"ada": ClipState.REWRITTEN}}


def states(marks) -> dict:
    return {name: {mark.by: mark.state for mark in people} for name, people in marks.items()}


def test_a_look_holds_while_the_caption_stays_as_it_was_and_a_correction_until_it_is_taken_back():
    looks = [
        look("ada", "kept", Opinion.FINE), look("ada", "changed", Opinion.FINE),
        look("ben", "kept", Opinion.SKIP, version="2", caption="a man"),
    ]  # fmt: skip
    said = [correction("ada", "c", state=State.REVOKED), correction("cem", "c", state=State.REFUSED)]
    marks = marks_of({"kept": "a man", "changed": "a woman", "c": "a cat"}, "2", looks, said)
    assert states(marks) == {
        "kept": {"ada": ClipState.FINE, "ben": ClipState.SKIPPED},
        "c": {"cem": ClipState.CORRECTED},
    }
    assert looked_at(marks, "ada") == {"kept"} and looked_at(marks, "dia") == set()


@pytest.mark.parametrize(("corrected", "expected"), [(1, ClipState.FINE), (9, ClipState.CORRECTED)])
def test_of_a_look_and_a_correction_of_one_person_the_later_is_told(corrected, expected):
    marks = marks_of({}, "1", [look("ada", "v", Opinion.FINE, 5)], [correction("ada", "v", corrected)])
    assert states(marks) == {"v": {"ada": expected}}


def test_a_state_is_asked_for_of_one_reviewer_or_of_anybody():
    (people,) = marks_of({}, "1", [look("ada", "v", Opinion.FINE), look("ben", "v", Opinion.UNSURE)], []).values()

    def asked(reviewer, state, marks=people):
        return is_wanted(marks, QueueFilter(reviewer=reviewer, state=state))

    assert [asked("", state) for state in ClipState] == [False, True, True, False, False, False]
    assert [asked("ada", state) for state in ClipState] == [False, True, False, False, False, False]
    assert [asked("cem", state) for state in ClipState] == [True, False, False, False, False, False]
    assert [asked(name, None) for name in ("", "ada", "cem")] == [True, True, False]
    assert [asked("", state, ()) for state in ClipState] == [True, False, False, False, False, False]


def test_next_comes_what_was_not_looked_at_and_begins_anew_after_the_end():
    order, marks = list("abcde"), marks_of({}, "1", [look("ada", name, Opinion.SKIP) for name in "bd"], [])

    def after(name, person="ada", among="abcde", **wanted):
        return next_clip(order, name, among, marks, person, QueueFilter(**wanted))

    assert [after(name) for name in (None, *order)] == ["a", "c", "c", "e", "e", "a"]
    assert after("a", person="ben") == "b" and after("a", among="abe") == "e" and after("c", among="bcd") is None
    skipped = {"state": ClipState.SKIPPED, "among": "bd"}
    assert [after(name, **skipped) for name in (None, "b", "d")] == ["b", "d", None]


def where(answer) -> tuple[str, str]:
    return answer.url.path, answer.url.params.get("id", "")


def test_each_opinion_is_noted_and_the_next_clip_comes(browser, backend):
    assert "0 of 3 clips looked at by you, 0 by anybody" in browser.get("/").text
    for video_id, opinion, following in (("stage", "fine", "room"), ("room", "unsure", "field")):
        answer = send(browser, "/looks", video_id=video_id, version="1", opinion=opinion)
        assert where(answer) == ("/clip", following) and "Here is the next clip" in answer.text
    answer = send(browser, "/looks", video_id="field", version="1", opinion="skip")
    assert where(answer) == ("/", "") and "the last of these clips" in answer.text
    assert "3 of 3 clips looked at by you" in answer.text and 'class="button strong"' not in answer.text
    assert [one.opinion for one in backend.looks()] == [Opinion.FINE, Opinion.UNSURE, Opinion.SKIP]
    told = re.findall(r'class="state m-\w+">([^<]+)<', answer.text)
    assert told == ["fine, you", "unsure, you", "skipped, you"]
    send(browser, "/looks", video_id="stage", version="1", opinion="unsure")
    assert [one.opinion for one in backend.looks() if one.video_id == "stage"] == [Opinion.UNSURE]


def test_after_a_correction_the_next_clip_is_still_there(browser):
    text = send(browser, "/corrections", video_id="field", topic="1").text
    assert 'rel="next" data-key="n" href="/clip?id=stage"' in text and "corrected, you" in text


def test_what_is_filtered_stays_in_every_link_and_form_of_a_clip(browser):
    query = "search=a&about=3&reviewer=ben&state=not+looked+at"
    queue = browser.get(f"/?{query}").text
    links = re.findall(r'href="(/clip\?[^"]+)"', queue)
    assert len(links) == 4 and all(link.endswith(query.replace("&", "&amp;")) for link in links)
    text = browser.get("/clip?id=stage&" + query).text
    assert f'href="/?{query}"'.replace("&", "&amp;") in text
    for form in re.findall(r'<form[^>]*action="/(?:looks|corrections|clip)".*?</form>', text, re.S):
        fields = dict(re.findall('type="hidden" name="([a-z]+)" value="([^"]*)"', form))
        assert {name: fields[name] for name in ("search", "about", "reviewer", "state")} == {
            "search": "a", "about": "3", "reviewer": "ben", "state": "not looked at",
        }  # fmt: skip
    answer = send(
        browser, "/looks", video_id="stage", version="1", opinion="fine", search="a", about="3", reviewer="ben",
        state="not looked at",
    )  # fmt: skip
    assert where(answer) == ("/clip", "room") and answer.url.params["reviewer"] == "ben"
    answer = send(browser, "/corrections", video_id="stage", topic="1", search="a")
    assert answer.url.params["search"] == "a"


def test_clips_are_filtered_by_topic_reviewer_and_state(backend):
    ada = opened(backend)
    backend.look("room", Opinion.FINE, "ben")
    backend.propose("field", [1], "cem")

    def shown(query):
        return [name for name, caption in CAPTIONS.items() if f">{caption}</a>" in ada.get(f"/?{query}").text]

    assert shown("state=&reviewer=&about=&search=") == list(CAPTIONS)
    assert shown("state=fine") == ["room"] and shown("state=corrected") == ["field"]
    assert shown("state=not+looked+at") == ["stage"] and shown("reviewer=ben&state=not+looked+at") == ["stage", "field"]
    assert shown("reviewer=cem") == ["field"] and shown("about=2") == [] and shown("about=3") == list(CAPTIONS)
    assert "No clip is as asked" in ada.get("/?about=2").text
    text = ada.get("/?reviewer=ben").text
    assert '<option value="ben" selected>ben</option>' in text and '<option value="ada">ada (you)</option>' in text
    assert "0 of 3 clips looked at by you, 2 by anybody" in text
    for wrong in ("state=lost", "about=x", "about=-1", "reviewer=%00"):
        assert ada.get(f"/?{wrong}").status_code == 422


def test_the_queue_tells_what_the_clips_of_a_split_are_for_and_keeps_the_split(browser):
    text = browser.get("/").text
    assert '<option value="">test, uploaded, for review</option>' in text and "The gate measures" not in text
    text = browser.get("/?split=val&described=no").text
    assert '<option value="val" selected>val, judged by</option>' in text and "The gate measures models" in text
    assert '<option value="no" selected>no</option>' in text and "No clip is as asked" in text
    assert "The model learnt from the captions" in browser.get("/?split=any").text
    answer = send(browser, "/looks", video_id="stage", version="1", opinion="fine", split="test", described="yes")
    assert (answer.url.params["split"], answer.url.params["described"]) == ("test", "yes")
    for wrong in ("described=x", "split=%00"):
        assert browser.get(f"/?{wrong}").status_code == 422
    assert send(browser, "/looks", video_id="room", opinion="fine", described="x").status_code == 422


@pytest.mark.parametrize(
    "fields", [{"opinion": "bad"}, {"opinion": ""}, {"state": "lost"}, {"about": "x"}, {"video_id": ""}]
)
def test_a_look_that_cannot_be_read_is_refused(browser, backend, fields):
    answer = send(browser, "/looks", **{"video_id": "stage", "version": "1", "opinion": "fine", **fields})
    assert answer.status_code == 422 and not backend.looks()


def test_nobody_calls_a_caption_fine_that_they_did_not_see(browser, backend):
    backend._versions = [replace(backend.versions()[0], version="2")]
    answer = send(browser, "/looks", video_id="stage", version="1", opinion="fine")
    assert answer.status_code == 409 and "Version 2 answers since" in answer.text and not backend.looks()


def test_programs_note_and_read_looks(browser, backend):
    made = browser.post("/api/looks", json={"video_id": "stage", "opinion": "fine"})
    assert made.status_code == 201
    told = made.json()
    assert (told["by"], told["version"], told["caption"], told["opinion"]) == ("ada", "1", CAPTIONS["stage"], "fine")
    assert {"kind", *told} == set(backend.looks()[0].to_json())
    backend.look("stage", Opinion.UNSURE, "ben")
    backend.look("room", Opinion.SKIP, "ben")
    found = {query: browser.get(f"/api/looks?{query}").json() for query in ("", "by=ben", "video_id=stage&by=ada")}
    assert [len(rows) for rows in found.values()] == [3, 2, 1] and found["video_id=stage&by=ada"] == [told]
    queue = browser.get("/api/queue?state=unsure").json()
    assert [item["video_id"] for item in queue["items"]] == ["stage"]
    assert (queue["clips"], queue["looked_at"], queue["looked_at_by_any"]) == (3, 1, 2)
    assert queue["reviewers"] == ["ada", "ben"] and queue["next_id"] == "stage"
    clip = browser.get("/api/clip?video_id=stage").json()
    assert clip["next_id"] == "room" and [mark["state"] for mark in clip["marks"]] == ["fine", "unsure"]
    for wrong in ({"video_id": "stage", "opinion": "good"}, {"opinion": "fine"}, {"video_id": "x", "opinion": "fine"}):
        assert browser.post("/api/looks", json=wrong).status_code in (404, 422)
    assert browser.post("/api/looks", json={"video_id": "stage", "opinion": "fine", "version": "9"}).status_code == 409


def test_reviewers_see_their_own_progress(tokens):
    backend = MemoryBackend(CAPTIONS)
    access, reviewer, publisher = tokens
    rita, paul = (
        opened(backend, access, headers={"Authorization": f"Bearer {token}"}) for token in (reviewer, publisher)
    )
    rita.post("/api/looks", json={"video_id": "stage", "opinion": "fine"})
    assert rita.get("/api/queue").json()["looked_at"] == 1 and paul.get("/api/queue").json()["looked_at"] == 0
    assert "0 of 3 clips looked at by you, 1 by anybody" in paul.get("/").text
    assert "fine, rita" in paul.get("/").text and isinstance(access, Access)


def test_clips_are_shared_out_by_turns_and_each_gets_as_many():
    assert share_out("abcde", ["ada", "ben"]) == {"a": "ada", "b": "ben", "c": "ada", "d": "ben", "e": "ada"}
    assert share_out("ab", []) == {"a": None, "b": None}


def test_a_publisher_shares_out_what_is_filtered_and_each_person_goes_through_their_own(browser, backend):
    assert "Share out all 3 clips" in browser.get("/").text and 'for="assigned"' not in browser.get("/").text
    assert "Share out these 2 clips" in browser.get("/?search=an").text
    answer = send(browser, "/assignments", search="an", to=" ada,ben, ada,, ")
    assert "These clips are shared out." in answer.text and answer.url.params["search"] == "an"
    assert {one.video_id: one.to for one in backend.assignments()} == {"stage": "ada", "room": "ben"}
    send(browser, "/assignments", search="field", to="ada")
    assert {one.video_id: one.to for one in backend.assignments()} == {"stage": "ada", "room": "ben", "field": "ada"}
    text = browser.get("/").text
    assert '<a href="/?assigned=ada">2 clips for you</a>, 0 looked at.' in text and ">for ben</span>" in text
    queue = browser.get("/?assigned=ada").text
    assert "a man is in a room" not in queue and '<option value="ada" selected>ada (you)</option>' in queue
    answer = send(browser, "/looks", video_id="stage", version="1", opinion="fine", assigned="ada")
    assert where(answer) == ("/clip", "field") and answer.url.params["assigned"] == "ada"
    assert ">for you</span>" in answer.text and "2 clips for you</a>, 1 looked at." in browser.get("/").text
    send(browser, "/assignments", assigned="ben", to="")
    assert {one.to for one in backend.assignments() if one.video_id == "room"} == {None}
    assert "for ben" not in browser.get("/").text


def test_only_publishers_share_out(tokens):
    backend = MemoryBackend(CAPTIONS)
    access, reviewer, publisher = tokens
    rita, paul = (
        opened(backend, access, headers={"Authorization": f"Bearer {token}"}) for token in (reviewer, publisher)
    )
    asked = {"video_ids": ["stage", "room"], "to": ["rita", "paul"]}
    assert rita.post("/api/assignments", json=asked).status_code == 403 and "Share out" not in rita.get("/").text
    assert send(rita, "/assignments", to="rita").status_code == 403 and not backend.assignments()
    assert [one["to"] for one in paul.post("/api/assignments", json=asked).json()] == ["rita", "paul"]
    assert [one["video_id"] for one in rita.get("/api/assignments").json()] == ["room", "stage"]
    queue = rita.get("/api/queue?assigned=rita").json()
    assert [item["video_id"] for item in queue["items"]] == ["stage"] and (queue["yours"], queue["clips"]) == (1, 3)
    assert paul.post("/api/assignments", json={"video_ids": ["nix"], "to": []}).status_code == 404
