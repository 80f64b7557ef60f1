"""Corrections move as people and versions move them, and the live ones are always those of the served version."""

import pytest

from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError
from topiclens.schemas.corrections import CorrectedTopic, Opinion, State
from topiclens.schemas.stretches import Stretch


def states(ledger, *ids) -> list[str]:
    return [ledger.correction(correction_id).state.value for correction_id in ids]


def test_a_correction_is_read_as_it_was_proposed_by_whoever_opens_the_ledger(ledger, url, making):
    hostile = "a \"girl\" – ünd 'x'); DROP TABLE corrections; --%s"
    proposed = ledger.propose(**making.proposal | {"author": "Zoë", "caption_before": hostile})
    assert Ledger.open(url).corrections() == (proposed,)
    assert proposed.state is State.PROPOSED and (proposed.author, proposed.caption_before) == ("Zoë", hostile)
    assert proposed.topic == CorrectedTopic(4, "dance", ("dancing", "dance", "girl"))
    assert proposed.caption_after is None and proposed.model_after is None


def test_what_is_said_again_is_the_same_correction_until_it_is_revoked(ledger, making):
    first = ledger.propose(**making.proposal)
    assert ledger.propose(**making.proposal) == first
    seen = ledger.propose(**making.proposal, previewed="a girl is dancing")
    assert (seen.id, seen.state, seen.caption_after) == (first.id, State.PREVIEWED, "a girl is dancing")
    assert ledger.propose(**making.proposal, previewed="a girl is dancing") == ledger.propose(**making.proposal) == seen
    others = (
        {"author": "Ben"},
        {"content": "00" * 32},
        {"model_before": "2"},
        {"topic": CorrectedTopic(5, "sing", ("singing",))},
        {"stretch": Stretch(1, 2)},
    )
    apart = {ledger.propose(**making.proposal | other).id for other in others}
    assert len(apart | {first.id}) == 1 + len(others) == len(ledger.corrections())
    ledger.transition(first.id, State.REVOKED, by="Ben")
    assert ledger.propose(**making.proposal).id not in apart | {first.id}


def test_a_withdrawal_is_undone_and_what_it_was_it_is_again(ledger, making):
    said = ledger.propose(**making.proposal).id
    seen = ledger.propose(**making.proposal | {"author": "Ben"}, previewed="a girl is dancing").id
    taken, refused = (making.candidate(ledger) for _ in range(2))
    ledger.transition(refused, State.REFUSED, by="Ben")
    everything = said, seen, taken, refused
    for one in everything:
        ledger.transition(one, State.REVOKED, by="Eve")
    for one in everything:
        ledger.restore(one, by="Ann")
    assert states(ledger, *everything) == ["proposed", "previewed", "previewed", "refused"]
    assert ledger.correction(seen).caption_after == "a girl is dancing" and not ledger.disagreements()
    assert [event.by for event in ledger.correction(said).history] == ["Ann", "Eve", "Ann"]
    with pytest.raises(LedgerError, match="cannot become 'proposed': it is 'proposed', by Ann"):
        ledger.restore(said, by="Ann")
    ledger.transition(said, State.REVOKED, by="Eve")
    again = ledger.propose(**making.proposal)
    with pytest.raises(LedgerError, match=f"said again since it was withdrawn, as {again.id}, which is 'proposed'"):
        ledger.restore(said, by="Ann")


def test_what_was_ever_served_comes_back_with_its_version_alone(ledger, making):
    live = making.candidate(ledger)
    ledger.record_version("2", parent="1", corrections=[live], by="Ben")
    ledger.serve("1", by="Ben", revoked=[live])
    assert ledger.correction(live).withdrawn_from is None
    with pytest.raises(LedgerError, match="Where it was in no version, its withdrawal can be undone"):
        ledger.restore(live, by="Ann")
    ledger.serve("2", by="Ben")
    assert states(ledger, live) == ["live"]


def test_a_look_takes_the_place_of_what_the_same_person_said_of_the_caption(ledger, url, making):
    first = ledger.look(**making.look)
    assert ledger.look(**making.look) == first and ledger.looks() == (first,)
    unsure = ledger.look(**making.look | {"opinion": Opinion.UNSURE})
    assert ledger.looks() == (unsure,) and unsure.time > first.time
    others = [ledger.look(**making.look | other) for other in ({"by": "Ben"}, {"video_id": "x"}, {"version": "2"})]
    again = ledger.look(**making.look)
    assert Ledger.open(url).looks() == (*others, again) and again.opinion is Opinion.FINE
    for wrong in ({"by": ""}, {"video_id": "a/b"}, {"caption": "two\nlines"}, {"content": "5f"}):
        with pytest.raises(LedgerError, match="This look cannot be written"):
            ledger.look(**making.look | wrong)
    assert ledger.looks() == (*others, again)


def test_a_written_caption_takes_the_place_of_the_same_person_s_and_is_withdrawn_and_put_back(ledger, url, making):
    first = ledger.write_caption(**making.written)
    assert ledger.write_caption(**making.written) == first and ledger.written_captions() == (first,)
    better = ledger.write_caption(**making.written | {"text": "a girl skips"})
    assert ledger.written_captions() == (better,) and first.key == better.key
    others = [ledger.write_caption(**making.written | other) for other in ({"by": "Ben"}, {"video_id": "x"})]
    gone = ledger.withdraw_caption(better.key, by="Cem")
    assert (gone.withdrawn_by, gone.text, gone.is_taught) == ("Cem", "a girl skips", False)
    assert Ledger.open(url).written_captions() == (*others, gone)
    with pytest.raises(LedgerError, match="“a girl skips” is taken back already"):
        ledger.withdraw_caption(better.key, by="Cem")
    with pytest.raises(LedgerError, match="Cem took back the caption “a girl skips” of Ann; one of them"):
        ledger.restore_caption(better.key, by="Dia")
    back = ledger.restore_caption(better.key, by="Cem")
    assert (back.withdrawn_by, back.text, back.is_taught) == (None, "a girl skips", True)
    with pytest.raises(LedgerError, match="is not taken back"):
        ledger.restore_caption(better.key, by="Ann")
    with pytest.raises(LedgerError, match="no such caption"):
        ledger.withdraw_caption(("Ann", "x", "9"), by="Cem")
    ledger.withdraw_caption(better.key, by="Ann")
    again = ledger.write_caption(**making.written | {"text": "a girl skips"})
    assert again.is_taught, "to write it again is to put it back"
    assert not ledger.write_caption(**making.written | {"split": "test"}).is_taught
    for wrong in ({"by": ""}, {"text": " "}, {"text": "two\nlines"}, {"content": "5f"}, {"split": ""}):
        with pytest.raises(LedgerError, match="This written_caption cannot be written"):
            ledger.write_caption(**making.written | wrong)


def test_of_a_video_the_last_assignment_counts_and_all_or_none_are_written(ledger, url):
    ledger.assign({"v1": "Ann", "v2": "Ben"}, by="Cem")
    ledger.assign({"v2": "Ann", "v3": None}, by="Dia")
    told = {one.video_id: (one.to, one.by) for one in Ledger.open(url).assignments()}
    assert told == {"v1": ("Ann", "Cem"), "v2": ("Ann", "Dia")}, "it was nobody's before"
    ledger.assign({"v1": "Ann"}, by="Eve")
    assert ledger.assignments()[0].by == "Cem", "the same again is nothing new"
    for wrong in ({"v1": "Ben", "a/b": "Ben"}, {"v1": "Ben", "v2": ""}, {"v1": "two\nlines"}):
        with pytest.raises(LedgerError, match="This assignment cannot be written"):
            ledger.assign(wrong, by="Eve")
    assert {one.to for one in ledger.assignments() if one.video_id == "v1"} == {"Ann"}


def test_a_correction_goes_live_with_the_version_that_carries_it(ledger, making):
    correction_id = making.candidate(ledger)
    ledger.record_version(
        "2", parent="1", corrections=[correction_id], by="Ben", captions={correction_id: "a girl is dancing outside"}
    )
    correction = ledger.correction(correction_id)
    assert (correction.state, correction.model_before, correction.model_after) == (State.LIVE, "1", "2")
    assert correction.caption_after == "a girl is dancing outside"
    assert ledger.served().version == "2" and ledger.served().corrections == (correction_id,)


def test_the_history_says_who_did_what_and_when(ledger, making):
    correction_id = making.candidate(ledger)
    ledger.record_version("2", parent="1", corrections=[correction_id], by="Cem")
    history = ledger.correction(correction_id).history
    assert [(event.state.value, event.by, event.version) for event in history] == [
        ("proposed", "Ann", None),
        ("previewed", "Ann", None),
        ("in candidate", "Ben", None),
        ("live", "Cem", "2"),
    ]
    assert [f"{event.time:%H:%M}" for event in history] == ["12:01", "12:02", "12:03", "12:04"]


ALLOWED = {
    ("proposed", "previewed"), ("proposed", "revoked"),
    ("previewed", "in candidate"), ("previewed", "revoked"),
    ("in candidate", "previewed"), ("in candidate", "refused"), ("in candidate", "revoked"),
    ("refused", "in candidate"), ("refused", "revoked"),
}  # fmt: skip


def test_only_the_moves_of_the_lifecycle_can_be_made_and_a_refused_one_leaves_no_trace(tmp_path, making):
    ledger = making.started(f"{tmp_path}/ledger.db")

    def correction_in(state) -> str:
        if state in (State.PROPOSED, State.PREVIEWED):
            content = f"{len(ledger.corrections()):064x}"
            correction_id = ledger.propose(**making.proposal | {"content": content}).id
            return correction_id if state is State.PROPOSED else ledger.transition(correction_id, state, by="Ann").id
        correction_id = making.candidate(ledger)
        if state in (State.REFUSED, State.REVOKED):
            ledger.transition(correction_id, state, by="Ann")
        if state is State.LIVE:
            served = ledger.served().version
            ledger.record_version(f"{served}.1", parent=served, corrections=[correction_id], by="Ben")
        return correction_id

    made = set()
    for start in State:
        for to in State:
            correction_id = correction_in(start)
            before = ledger.correction(correction_id).history
            try:
                ledger.transition(correction_id, to, by="Ben")
            except LedgerError as error:
                assert f"cannot become {to.value!r}: it is {start.value!r}, by " in str(error)
                assert ledger.correction(correction_id).history == before
            else:
                made.add((start.value, to.value))
    assert made == ALLOWED


def test_corrections_are_found_by_state_and_by_video(ledger, making):
    first, second = ledger.propose(**making.proposal), ledger.propose(**making.proposal | {"video_id": "other"})
    third = making.candidate(ledger)
    assert [found.id for found in ledger.corrections()] == [first.id, second.id, third]
    assert [found.id for found in ledger.corrections(state="proposed")] == [first.id, second.id]
    assert [found.id for found in ledger.corrections(state=State.IN_CANDIDATE)] == [third]
    assert [found.id for found in ledger.corrections(state="proposed", video_id="other")] == [second.id]
    assert ledger.corrections(state="live") == ()


def test_a_version_is_rebuilt_from_what_training_left_step_by_step_in_order(ledger, making):
    a, b, c = (making.candidate(ledger) for _ in range(3))
    ledger.record_version("2", parent="1", corrections=[b, a], by="Ben", settings={"mu": 0.1, "seed": 7})
    ledger.record_version("3", parent="2", corrections=[c], by="Ben", verdict="blessed:\nBLEU 0.45")
    steps = ledger.rebuild("3")
    assert [(step.version.version, [its.id for its in step.corrections]) for step in steps] == [
        ("1", []), ("2", [b, a]), ("3", [c]),
    ]  # fmt: skip
    assert steps[1].version.settings == {"mu": 0.1, "seed": 7} and steps[2].version.verdict == "blessed:\nBLEU 0.45"


def test_one_correction_is_taken_back_by_a_version_built_without_it(ledger, making):
    kept, wrong, later = (making.candidate(ledger) for _ in range(3))
    ledger.record_version("2", parent="1", corrections=[wrong, kept], by="Ben")
    ledger.record_version("3", parent="2", corrections=[later], by="Ben")
    ledger.record_version("4", parent="1", corrections=[kept, later], by="Cem", revoked=[wrong])
    assert states(ledger, kept, wrong, later) == ["live", "revoked", "live"]
    assert ledger.correction(wrong).history[-1].by == "Cem" and ledger.correction(wrong).history[-1].version == "4"
    assert [step.version.version for step in ledger.rebuild("4")] == ["1", "4"]


def test_an_earlier_version_comes_back_with_its_own_corrections_and_so_does_the_later_one(ledger, making):
    first, second = making.candidate(ledger), making.candidate(ledger)
    ledger.record_version("2", parent="1", corrections=[first], by="Ben")
    ledger.record_version("3", parent="2", corrections=[second], by="Ben")
    ledger.serve("1", by="Cem", revoked=[first, second])
    assert states(ledger, first, second) == ["revoked", "revoked"]
    ledger.serve("3", by="Cem")
    assert states(ledger, first, second) == ["live", "live"]
    assert [serving.version for serving in ledger.servings()] == ["1", "2", "3", "1", "3"]
    assert ledger.disagreements() == ()


def test_serving_the_served_version_again_changes_nothing(ledger, making):
    correction_id = making.candidate(ledger)
    ledger.record_version("2", parent="1", corrections=[correction_id], by="Ben")
    before = ledger.export_lines()
    ledger.serve("2", by="Cem")
    assert ledger.export_lines() == before


def test_of_two_versions_built_at_once_the_second_cannot_drop_what_the_first_brought(ledger, making):
    mine, theirs = making.candidate(ledger), making.candidate(ledger)
    ledger.record_version("2", parent="1", corrections=[mine], by="Ann")
    before = ledger.export_lines()
    with pytest.raises(LedgerError, match=f"lacks the live correction.* {mine}: build it on version '2'"):
        ledger.record_version("3", parent="1", corrections=[theirs], by="Ben")
    assert ledger.export_lines() == before, "a refused version leaves no trace"


def test_a_version_recorded_before_its_push_goes_live_when_it_is_served(ledger, making):
    correction_id = making.candidate(ledger)
    ledger.record_version("2", parent="1", corrections=[correction_id], by="Ben", serve=False)
    assert ledger.served().version == "1" and states(ledger, correction_id) == ["in candidate"]
    ledger.serve("2", by="Ben")
    assert ledger.served().version == "2" and states(ledger, correction_id) == ["live"]


def test_a_version_never_served_cannot_bring_in_what_was_revoked_meanwhile(ledger, making):
    correction_id = making.candidate(ledger)
    ledger.record_version("2", parent="1", corrections=[correction_id], by="Ben", serve=False)
    ledger.transition(correction_id, "revoked", by="Ann")
    with pytest.raises(LedgerError, match="cannot become 'live': it is 'revoked', by Ann .*propose it again"):
        ledger.serve("2", by="Ben")
    assert ledger.served().version == "1"


def test_a_version_that_cannot_be_is_refused_and_nothing_of_it_kept(ledger, making):
    live, waiting = making.candidate(ledger), ledger.propose(**making.proposal).id
    ledger.record_version("2", parent="1", corrections=[live], by="Ben")
    before = ledger.export_lines()
    for version, parent, corrections, message in [
        ("2", "1", [], "recorded by Ben at .* already"),
        ("3", "9", [], "Version '9', the parent of version '3', is not in the ledger"),
        ("3", "2", ["0" * 32], "No correction has the id '0000"),
        ("3", "2", [live], "in it twice"),
        ("3", None, [live], "without a parent, a version is as training left it"),
        ("3", "2", [waiting], "it is 'proposed', by Ann"),
        ("3/x", "2", [], r'`version` is "3/x"; expected A model version'),
    ]:
        with pytest.raises(LedgerError, match=message):
            ledger.record_version(version, parent=parent, corrections=corrections, by="Ben")
    assert ledger.export_lines() == before


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"author": ""}, '`author` is ""; expected text that is not empty'),
        ({"author": "   "}, "`author` is .*expected A name"),
        ({"author": "Ann\n"}, "`author` is .*in one line"),
        ({"author": None}, "`author` is null; expected text"),
        ({"author": "a" * 201}, "`author` is .*at most 200 characters"),
        ({"caption_before": "a" * 2001}, "`caption_before` is .*at most 2000 characters"),
        ({"caption_before": "a\0b"}, "`caption_before` is .*in one line"),
        ({"caption_before": "\ud800"}, "half of a surrogate pair"),
        ({"video_id": "../a"}, "`video_id` is"),
        ({"content": "5f"}, "`content` is .*64 hexadecimal digits"),
        ({"model_before": "1\n"}, "`model_before` is"),
        ({"topic": CorrectedTopic(-1, "dance", ("dance",))}, "`topic`.`id` is -1; expected at least 0"),
        ({"topic": CorrectedTopic(1, "dance", ())}, "`topic`.`words` is .*at least 1"),
        ({"topic": CorrectedTopic(1, "dance", ("a",) * 51)}, "`topic`.`words` is .*at most 50"),
    ],
)
def test_a_proposal_that_is_too_long_or_unfit_is_refused_with_the_field(tmp_path, making, changes, message):
    ledger = making.started(f"{tmp_path}/ledger.db")
    with pytest.raises(LedgerError, match=message):
        ledger.propose(**making.proposal | changes)
    assert ledger.corrections() == ()


def test_an_unknown_correction_or_state_is_told(ledger, making):
    for wrong in ("", "x", "0" * 32, "\0", "a" * 10**5):
        with pytest.raises(LedgerError, match="No correction has the id") as error:
            ledger.transition(wrong, "revoked", by="Ann")
        assert len(str(error.value)) < 200
    with pytest.raises(LedgerError, match="No state is called 'lost'; there are 'proposed'"):
        ledger.corrections(state="lost")
