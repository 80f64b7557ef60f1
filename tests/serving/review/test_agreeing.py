"""Several people at the same corrections: one agrees with another, takes back what another said, and undoes that."""

import re

import pytest

from tests.serving.review.conftest import opened, send
from topiclens.schemas.corrections import State
from topiclens.serving.review.access import Access


@pytest.fixture
def ben(backend):
    """A second person at the page."""
    return opened(backend, Access.on_loopback("ben"))


def the(backend, author="ada"):
    return next(one for one in backend.corrections() if one.author == author)


def forms(text, path) -> list[str]:
    return re.findall(rf'<form method="post" action="/corrections/{path}">.*?</form>', text, re.S)


def test_a_second_person_sees_what_is_said_already_and_agrees_by_one_click(browser, ben, backend):
    send(browser, "/corrections", video_id="stage", topic="1")
    assert not forms(browser.get("/clip?id=stage").text, "agree"), "nobody agrees with themselves"
    text = ben.get("/clip?id=stage&search=a").text
    assert "ada says so already" in re.search('<li class="topic" data-topic="1">.*?</li>', text, re.S)[0]
    (form,) = forms(text, "agree")
    assert 'name="search" value="a"' in form and "with ada on “dance”" in form
    answer = send(ben, "/corrections/agree", correction_id=the(backend).id, search="a")
    assert "you say so too" in answer.text and answer.url.params["search"] == "a"
    assert {one.author: one.topic.name for one in backend.corrections()} == {"ada": "dance", "ben": "dance"}
    assert not forms(answer.text, "agree") and "ada, 3 May 2026, 09:00 UTC; ben too" in answer.text
    assert browser.get("/corrections").text.count(" too</p>") == 2
    send(ben, "/corrections/agree", correction_id=the(backend).id)
    assert len(backend.corrections()) == 2, "a double click says it once"
    assert send(browser, "/corrections/agree", correction_id=the(backend).id).status_code == 409


def test_what_was_taken_back_is_said_by_nobody(browser, ben, backend):
    send(browser, "/corrections", video_id="stage", topic="1")
    send(browser, "/corrections/withdraw", correction_id=the(backend).id)
    text = ben.get("/clip?id=stage").text
    assert "says so already" not in text and not forms(text, "agree")


def test_another_person_s_correction_is_withdrawn_after_a_question_and_one_s_own_at_once(browser, ben, backend):
    send(browser, "/corrections", video_id="stage", topic="1")
    for path in ("/corrections", "/clip?id=stage"):
        asked = "ada said this, not you. Withdraw it all the same?"
        assert asked in ben.get(path).text and asked not in browser.get(path).text
        (form,) = forms(browser.get(path).text, "withdraw")
        assert "Withdraw<span" in form


@pytest.mark.parametrize("page", ["/corrections", "/clip?id=stage", "/history"])
def test_a_withdrawal_is_undone_where_it_is_seen(browser, ben, backend, page):
    send(browser, "/corrections", video_id="stage", topic="1")
    send(ben, "/corrections/withdraw", correction_id=the(backend).id)
    (form,) = forms(browser.get(page).text, "restore")
    fields = dict(re.findall('name="([a-z_]+)" value="([^"]*)"', form))
    del fields["csrf"]
    answer = send(browser, "/corrections/restore", **fields)
    assert answer.url.path == page.partition("?")[0]
    assert "The correction is there again." in answer.text and the(backend).state is State.PREVIEWED
    assert not forms(answer.text, "restore") or page == "/history"


def test_what_was_said_again_is_not_put_back_beside_it(browser, backend):
    send(browser, "/corrections", video_id="stage", topic="1")
    first = the(backend)
    send(browser, "/corrections/withdraw", correction_id=first.id)
    send(browser, "/corrections", video_id="stage", topic="1")
    answer = send(browser, "/corrections/restore", correction_id=first.id)
    assert answer.status_code == 409 and "nothing to undo" in answer.text


def test_programs_agree_withdraw_and_put_back(browser, ben, backend):
    (made,) = browser.post("/api/corrections", json={"video_id": "stage", "topics": [1]}).json()
    which = {"correction_id": made["id"]}
    agreed = ben.post("/api/corrections/agree", json=which)
    assert agreed.status_code == 201 and (agreed.json()["author"], agreed.json()["id"] == made["id"]) == ("ben", False)
    assert ben.post("/api/corrections/withdraw", json=which).json()["state"] == "revoked"
    assert ben.post("/api/corrections/restore", json=which).json()["state"] == "previewed"
    assert ben.post("/api/corrections/restore", json=which).status_code == 409
    assert ben.post("/api/corrections/agree", json={"correction_id": "nix"}).status_code == 404
