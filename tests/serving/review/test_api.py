"""What programs ask."""

import pytest

from topiclens.schemas.corrections import Correction
from topiclens.schemas.plain import from_plain
from topiclens.schemas.stretches import Stretch
from topiclens.serving.review.backend import ReviewError, Unavailable


def test_what_if_answers_with_the_phrases_that_came_in(browser):
    question = {"video_id": "stage", "strengths": {"1": 2, "0": -1}, "before": "a woman is standing on a stage"}
    answer = browser.post("/api/what-if", json=question).json()
    assert answer["caption"] == "a woman is standing on a stage dancing"
    assert answer["phrases"] == [
        {"text": "a woman is standing on a stage", "new": False},
        {"text": "dancing", "new": True},
    ]
    scores = {score["id"]: score["score"] for score in answer["scores"]}
    assert scores[1] == pytest.approx(0.375 + 0.4) and scores[0] == pytest.approx(0.75 - 0.2)


def test_topics_go_by_name_as_on_the_command_line(browser):
    by_name, by_id = (
        browser.post("/api/what-if", json={"video_id": "stage", "strengths": strengths}).json()["caption"]
        for strengths in ({"stage": 2}, {"1": 2})
    )
    assert by_name == by_id
    made = browser.post("/api/corrections", json={"video_id": "stage", "topics": ["Dance", "ball"]}).json()
    assert [correction["topic"]["id"] for correction in made] == [1, 0]
    refused = browser.post("/api/corrections", json={"video_id": "stage", "topics": ["kitchin"]})
    assert refused.status_code == 404 and "Did you mean 2 (kitchen)" in refused.json()["detail"]


def test_a_correction_s_life(browser, backend):
    made = browser.post("/api/corrections", json={"video_id": "stage", "topics": [1, 3, 1]})
    assert made.status_code == 201
    dance, guitar = made.json()
    assert (dance["state"], dance["author"], dance["topic"]["id"]) == ("previewed", "ada", 1)
    assert browser.post("/api/corrections/withdraw", json={"correction_id": guitar["id"]}).json()["state"] == "revoked"
    job = browser.post("/api/refinements", json={}).json()
    assert job["state"] == "running" and job["corrections"] == [dance["id"]]
    assert browser.post("/api/refinements", json={}).status_code == 409
    backend.finish()
    job = browser.get("/api/refinement", params={"job_id": job["id"]}).json()
    assert job["verdict"]["blessed"] and job["verdict"]["captions"] == {dance["id"]: dance["caption_after"]}
    assert browser.post("/api/publish").json()["version"] == "2"
    assert [c["id"] for c in browser.get("/api/corrections?state=live").json()] == [dance["id"]]
    assert browser.post("/api/versions/rollback", json={"version": "1"}).json()["served"]
    assert browser.post("/api/corrections/rollback", json={"correction_id": dance["id"]}).status_code == 202
    assert len(browser.get("/api/history?limit=3").json()) == 3


def test_a_refinement_is_cancelled(browser, backend):
    browser.post("/api/corrections", json={"video_id": "stage", "topics": [1]})
    job = browser.post("/api/refinements", json={}).json()
    assert job["seconds_left"] == 42 and 0 < job["share"] < 1
    cancelled = browser.post("/api/refinements/cancel", json={"job_id": job["id"]}).json()
    assert (cancelled["state"], cancelled["cancelled_by"]) == ("cancelled", "ada")
    assert browser.get("/api/corrections?state=previewed").json()[0]["id"] == job["corrections"][0]
    assert browser.post("/api/refinements/cancel", json={"job_id": job["id"]}).status_code == 409
    assert browser.post("/api/refinements/cancel", json={"job_id": "nix"}).status_code == 404


def test_a_correction_has_the_fields_of_an_exported_one(browser, backend):
    (told,) = browser.post("/api/corrections", json={"video_id": "stage", "topics": [1]}).json()
    correction = from_plain(Correction, told)
    assert [told.pop(name) for name in ("note", "next_step", "lacking", "stretch")] == ["", "", False, None]
    assert {"kind", *told} == set(correction.to_json())
    assert (correction.history, correction.state) == (backend.corrections()[0].history, told["state"])


def test_a_stretch_of_the_clip_is_tried_and_written_down(browser, backend):
    stretch = {"start_s": 1.5, "end_s": 3}
    asked = {"video_id": "stage", "strengths": {"1": 2}, "stretch": stretch}
    assert browser.post("/api/what-if", json=asked).status_code == 200
    (told,) = browser.post("/api/corrections", json={"video_id": "stage", "topics": [1], "stretch": stretch}).json()
    assert told["stretch"] == {"start_s": 1.5, "end_s": 3.0}
    assert backend.stretches == [backend.corrections()[0].stretch] == [Stretch(1.5, 3)]
    for wrong in ({"start_s": 3, "end_s": 1}, {"start_s": 3}, {"start_s": None, "end_s": 4}, "3 to 5"):
        refused = browser.post("/api/corrections", json={"video_id": "stage", "topics": [1], "stretch": wrong})
        assert refused.status_code == 422 and len(backend.corrections()) == 1


def test_reading(browser):
    queue = browser.get("/api/queue?limit=2&offset=1").json()
    assert queue["total"] == 3 and [item["video_id"] for item in queue["items"]] == ["room", "field"]
    clip = browser.get("/api/clip?video_id=stage").json()
    assert clip["words"][1]["text"] == "woman" and sum(clip["words"][1]["attention"]) == pytest.approx(1)
    assert [topic["id"] for topic in browser.get("/api/topics?search=DANC").json()] == [1]
    assert len(browser.get("/api/topics").json()) == 30
    assert browser.get("/api/refinement").status_code == 404


def test_the_api_describes_itself(browser):
    document = browser.get("/api/openapi.json").json()
    assert set(document["paths"]) >= {"/api/queue", "/api/what-if", "/api/publish", "/api/new"}
    assert all(path.startswith("/api/") for path in document["paths"])
    for operations in document["paths"].values():
        for operation in operations.values():
            assert {"401", "403", "404", "409", "422", "503"} <= set(operation["responses"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"video_id": "stage", "strengths": {"1": 9}}, "less than or equal to 2"),
        ({"video_id": "stage", "strengths": {"x\n": 1}}, "match pattern"),
        ({"video_id": "", "strengths": {}}, "at least 1 character"),
        ({"video_id": "a\x00b", "strengths": {}}, "match pattern"),
        ({"video_id": "stage", "strengths": {str(i): 1 for i in range(33)}}, "at most 32"),
        ({"video_id": "stage", "strengths": {}, "path": "/etc"}, "Extra inputs"),
        ([], "valid"),
    ],
)
def test_what_cannot_be_read_is_told_and_not_repeated(browser, body, said):
    answer = browser.post("/api/what-if", json=body)
    assert answer.status_code == 422 and said in answer.json()["detail"] and "/etc" not in answer.text


@pytest.mark.parametrize(
    "raw",
    [b"{", b'{"video_id": "\\ud800", "strengths": {}}', b'{"video_id":"a","strengths":{"1":NaN}}', b"\xff\xfe", b""],
)
def test_broken_bodies_are_refused(browser, raw):
    answer = browser.post("/api/what-if", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422) and answer.json()["detail"]


@pytest.mark.parametrize(
    ("error", "status"), [(Unavailable("The model is away."), 503), (ReviewError("Say less."), 422)]
)
def test_the_backend_s_troubles_have_a_status(browser, backend, monkeypatch, error, status):
    def fail(*_):
        raise error

    monkeypatch.setattr(backend, "queue", fail)
    assert browser.get("/api/queue").status_code == browser.get("/").status_code == status
    assert browser.get("/api/queue").json() == {"detail": str(error)}
