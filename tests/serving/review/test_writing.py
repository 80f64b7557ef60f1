"""Captions that people type: kept once, suggested from, listed, taken back and put back."""

import re
from dataclasses import replace

from tests.serving.review.conftest import opened, send


def write(browser, text, video_id="stage", **fields):
    return send(browser, "/captions", video_id=video_id, version="1", text=text, **fields)


def ticked(page) -> list[str]:
    return re.findall(r'name="topic" value="(\d+)" checked', page)


def test_a_caption_is_kept_and_its_topics_are_ticked_for_who_wrote_it(browser, backend):
    before = browser.get("/clip?id=stage").text
    assert not ticked(before) and "No model is trained on clips of test" in before
    assert "The next training learns from it" in browser.get("/clip?id=field").text
    answer = write(browser, "a woman plays the guitar", search="a")
    assert answer.url.path == "/clip" and answer.url.params["search"] == "a"
    assert "Your caption is kept" in answer.text and 'value="a woman plays the guitar"' in answer.text
    assert ticked(answer.text) == ["3"] and "of test, so never trained on" in answer.text
    assert "rewritten, you" in answer.text
    other = opened(backend, peer=("127.0.0.1", 1))
    assert ticked(other.get("/clip?id=stage&strength-1=0.5").text) == ["1"], "what is slid goes before"
    write(browser, "a woman plays the guitar")
    assert len(backend.written_captions()) == 1, "a second click"
    send(browser, "/corrections", video_id="stage", topic=["3"])
    assert not ticked(browser.get("/clip?id=stage").text), "it was said"


def test_words_that_the_model_does_not_know_are_named(browser):
    text = write(browser, "a woman plays the xylophone <b>").text
    assert "does not know “xylophone”" in text and "<b>" not in text and "&lt;b&gt;" in text


def test_a_caption_is_taken_back_and_put_back_on_the_clip_and_under_corrections(browser, backend):
    write(browser, "two dogs play", video_id="field")
    for place in ({"video_id": "field"}, {}):
        fields = {"author": "ada", "of": "field", "version": "1", **place}
        answer = send(browser, "/captions/withdraw", **fields)
        assert answer.url.path == ("/clip" if place else "/corrections")
        assert "taken back by ada" in answer.text and "Put back" in answer.text
        assert backend.written_captions()[0].withdrawn_by == "ada"
        answer = send(browser, "/captions/restore", **fields)
        assert "learnt by the next training" in answer.text and backend.written_captions()[0].withdrawn_by is None
    assert send(browser, "/captions/restore", **fields).status_code == 409
    text = browser.get("/corrections").text
    assert "Captions that people wrote" in text and "two dogs play" in text


def test_another_s_caption_is_taken_back_after_a_question(browser, backend):
    backend.write_caption("field", "two dogs play", "ben")
    text = browser.get("/clip?id=field").text
    assert "ben wrote this, not you. Withdraw it all the same?" in text
    assert 'value="two dogs play" maxlength' not in text, "the field is for one's own"


def test_what_cannot_be_kept_is_refused(browser, backend):
    for wrong in ({"text": ""}, {"text": "two\nlines"}, {"text": "x" * 600}, {"video_id": ""}):
        answer = send(browser, "/captions", **{"video_id": "stage", "version": "1", "text": "a dog", **wrong})
        assert answer.status_code == 422, wrong
    assert write(browser, "a woman is standing on a stage").status_code == 409
    backend._versions = [replace(backend.versions()[0], version="2")]
    assert "Version 2 answers since" in write(browser, "a dog").text and not backend.written_captions()


def test_programs_write_read_and_take_back_captions(browser, backend):
    made = browser.post("/api/captions", json={"video_id": "field", "text": "two dogs play"})
    assert made.status_code == 201 and made.json()["is_taught"] is True
    key = {"by": "ada", "video_id": "field", "version": "1"}
    assert {name: made.json()[name] for name in key} == key
    backend.write_caption("stage", "a dance", "ben")
    found = {query: browser.get(f"/api/captions?{query}").json() for query in ("", "by=ben", "video_id=field&by=ada")}
    assert [len(rows) for rows in found.values()] == [2, 1, 1] and found["video_id=field&by=ada"] == [made.json()]
    clip = browser.get("/api/clip?video_id=field").json()
    assert clip["written"] == [made.json()] and clip["split"] == "train"
    gone = browser.post("/api/captions/withdraw", json=key).json()
    assert gone["withdrawn_by"] == "ada" and gone["is_taught"] is False
    assert browser.post("/api/captions/withdraw", json=key).status_code == 409
    assert browser.post("/api/captions/restore", json=key).json()["withdrawn_by"] is None
    for wrong in ({"video_id": "field"}, {"video_id": "field", "text": ""}, {"video_id": "nix", "text": "a dog"}):
        assert browser.post("/api/captions", json=wrong).status_code in (404, 422)
