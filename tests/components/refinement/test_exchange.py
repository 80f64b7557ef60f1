"""A ledger goes out as lines that follow the schema and comes in whole, once, or not at all."""

import io
import json

import pytest

from topiclens.components.common import json_schema
from topiclens.components.refinement.exchange import MAX_LINE_BYTES
from topiclens.components.refinement.ledger import Ledger
from topiclens.components.refinement.rules import LedgerError
from topiclens.schemas.corrections import Opinion
from topiclens.schemas.stretches import Stretch


@pytest.fixture
def rich(ledger, making):
    """A ledger in which a correction is in each state, one of them after it came back."""
    first, second, _ = (making.candidate(ledger) for _ in range(3))
    ledger.record_version("2", parent="1", corrections=[first], by="Ben", verdict="+ a\n+ b", settings={"mu": 0.5})
    ledger.record_version("3", parent="1", corrections=[second], by="Cem", revoked=[first])
    ledger.record_version("4", parent="3", by="Cem", serve=False)
    ledger.transition(ledger.propose(**making.proposal | {"author": "Zoë\u2028"}).id, "previewed", by="Ann")
    ledger.propose(**making.proposal, stretch=Stretch(2.5, 4))
    back = ledger.propose(**making.proposal | {"author": "Dia"}).id
    ledger.transition(back, "revoked", by="Eve")
    ledger.restore(back, by="Dia")
    for to in ("Ann", None, "Ben"):
        ledger.assign({"dance-7": to, "dance-8": to and "Ann"}, by="Cem")
    for opinion in (Opinion.SKIP, Opinion.FINE):
        ledger.look(**making.look | {"opinion": opinion})
    ledger.write_caption(**making.written)
    ledger.withdraw_caption(ledger.write_caption(**making.written | {"by": "Ben"}).key, by="Cem")
    return ledger


@pytest.fixture
def small(tmp_path, making):
    """A ledger in a file, with one live and one waiting correction."""
    ledger = making.started(f"{tmp_path}/small.db")
    ledger.record_version("2", parent="1", corrections=[making.candidate(ledger)], by="Ben")
    ledger.propose(**making.proposal)
    return ledger


@pytest.fixture
def empty(tmp_path):
    return Ledger.open(tmp_path / "empty.db")


def encoded(lines) -> list[bytes]:
    return [line.encode() for line in lines]


def changed(line: str, **fields) -> bytes:
    return json.dumps({**json.loads(line), **fields}).encode()


def test_a_ledger_moves_between_databases_without_a_difference(rich, empty):
    lines = rich.export_lines()
    assert empty.import_lines(io.BytesIO("\n".join(lines).encode())) == len(lines)
    assert empty.export_lines() == lines
    assert [look.opinion for look in empty.looks()] == [Opinion.FINE] and empty.looks() == rich.looks()
    assert [one.to for one in empty.assignments()] == ["Ben", "Ann"] and empty.assignments() == rich.assignments()
    assert [one.withdrawn_by for one in empty.written_captions()] == [None, "Cem"]
    assert empty.written_captions() == rich.written_captions()
    assert empty.corrections() == rich.corrections() and empty.versions() == rich.versions()
    assert empty.served() == rich.served() and empty.disagreements() == ()


def test_every_line_follows_the_schema(rich):
    for line in rich.export_lines():
        assert json_schema.find_fault(json.loads(line), json_schema.load_validator("correction.schema.json")) is None


def test_only_a_correction_of_a_stretch_tells_one_and_it_must_end_after_it_began(rich, empty):
    rows = [json.loads(line) for line in rich.export_lines()]
    (told,) = [row for row in rows if "stretch" in row]
    assert told["stretch"] == {"start_s": 2.5, "end_s": 4.0}
    (read,) = [one for one in rich.corrections() if one.stretch]
    assert read.stretch == Stretch(2.5, 4) and read.missed.endswith(", 2.5 s to 4 s")
    for stretch, words in (({"start_s": 4, "end_s": 2}, "earlier second first"), ({"start_s": 1}, "end_s")):
        with pytest.raises(LedgerError, match=words):
            empty.import_lines([json.dumps(told | {"stretch": stretch}).encode()])


def test_only_the_state_before_a_withdrawal_comes_again_in_an_import(ledger, empty, making):
    one = ledger.propose(**making.proposal).id
    ledger.transition(one, "revoked", by="Eve")
    ledger.restore(one, by="Ann")
    (row, *others) = map(json.loads, ledger.export_lines())
    events = [row["events"][0], row["events"][1] | {"state": "previewed"}]
    wrong = json.dumps(row | {"state": "previewed", "events": events}).encode()
    with pytest.raises(LedgerError, match="it went from 'revoked' to 'previewed' by a person, which cannot be"):
        empty.import_lines([wrong, *(json.dumps(other).encode() for other in others)])


def test_importing_twice_or_in_another_order_is_importing_once(rich, empty):
    lines = encoded(rich.export_lines())
    assert rich.import_lines(lines) == 0
    assert empty.import_lines([*reversed(lines), b"\n", b"  "]) == len(lines)
    assert empty.import_lines(lines) == 0


def test_of_two_looks_at_a_caption_the_later_counts_in_whichever_order_they_come(rich, empty, tmp_path, making):
    before = encoded(rich.export_lines())
    later = rich.look(**making.look | {"opinion": Opinion.UNSURE})
    assert empty.import_lines(encoded(rich.export_lines())) and empty.looks() == (later,)
    assert empty.import_lines(before) == 0 and empty.looks() == (later,)
    old = Ledger.open(tmp_path / "old.db")
    assert old.import_lines(before) and old.import_lines(encoded(rich.export_lines())) == 1
    assert old.looks() == (later,)


def test_of_a_caption_that_was_written_and_withdrawn_the_later_word_counts(rich, empty, making):
    before = encoded(rich.export_lines())
    rich.withdraw_caption(rich.written_captions()[0].key, by="Dia")
    assert empty.import_lines(encoded(rich.export_lines())) and empty.import_lines(before) == 0
    assert {one.withdrawn_by for one in empty.written_captions()} == {"Cem", "Dia"}


def test_an_older_export_takes_nothing_back_and_a_newer_one_brings_what_is_new(small, empty, making):
    older = encoded(small.export_lines())
    waiting = small.corrections(state="proposed")[0].id
    small.transition(waiting, "previewed", by="Ann")
    small.transition(waiting, "in candidate", by="Ann")
    small.record_version("3", parent="2", corrections=[waiting], by="Ben")
    newer = encoded(small.export_lines())
    empty.import_lines(older)
    assert empty.import_lines(newer) == 3  # the correction's events, the version, its serving
    assert empty.import_lines(older) == 0
    assert encoded(empty.export_lines()) == newer


def test_bad_lines_are_all_named_with_field_and_remedy_and_nothing_is_imported(small, empty):
    good, *_ = lines = small.export_lines()
    correction = json.loads(good)
    with pytest.raises(LedgerError) as error:
        empty.import_lines(
            [
                good.encode(),
                b"{",
                b'{"kind": "\xff"}',
                b'["correction"]',
                changed(good, kind="note"),
                changed(good, author=7),
                changed(good, topic={**correction["topic"], "id": -1}),
                changed(good, extra=1),
                changed(good, time="2026-02-31T12:00:00.000000Z"),
                changed(good, time="2026-02-28"),
                changed(good, state="proposed"),
                changed(good, events=[{**correction["events"][0], "by": "a\nb"}]),
                b" " * 10 + b"x" * MAX_LINE_BYTES,
                *encoded(lines[1:]),
            ]
        )
    told = str(error.value).split("\n")
    assert told[0] == "Nothing was imported."
    for line, words in zip(
        told[1:],
        [
            "line 2: not JSON",
            "line 3: not UTF-8 text",
            "line 4: `kind` is null; expected one of 'correction', 'version', 'serving'",
            'line 5: `kind` is "note"; expected one of',
            "line 6: `author` is 7; expected text. Correct the field.",
            "line 7: `topic`.`id` is -1; expected at least 0",
            "line 8: Additional properties are not allowed ('extra' was unexpected). A row's fields are `kind`, `id`",
            'line 9: `time` is "2026-02-31T12:00:00.000000Z"; expected UTC to the microsecond',
            'line 10: `time` is "2026-02-28"; expected UTC to the microsecond',
            'line 11: `state` is "proposed", and its events say "live". Correct one of the two.',
            'line 12: `events`[0].`by` is "a\\nb"; expected A name of at most 200 characters, in one line',
            f"line 13: longer than {MAX_LINE_BYTES} bytes",
        ],
        strict=True,
    ):
        assert line.startswith(words)
    assert empty.export_lines() == ()


def test_an_overlong_line_is_one_line_however_much_of_it_there_is(empty):
    file = io.BytesIO(b"x" * (2 * MAX_LINE_BYTES + 5) + b"\n{\n")
    with pytest.raises(LedgerError, match=r"line 1: longer than(.|\n)*line 2: not JSON") as error:
        empty.import_lines(file)
    assert "line 3" not in str(error.value)


def test_the_list_of_bad_lines_ends(empty):
    with pytest.raises(LedgerError, match="line 20: (.|\n)*and more than 20 in all") as error:
        empty.import_lines([b"{"] * 1000)
    assert "line 21" not in str(error.value)


def test_a_line_that_contradicts_the_ledger_is_refused_with_the_fields(small):
    before = small.export_lines()
    live = json.loads(before[0])
    others = [{**event, "by": "Eve"} for event in live["events"]]
    for line, message in [
        (changed(before[0], author="Eve"), "line 1: correction .* is in the ledger, and another: `author` differ"),
        (changed(before[0], events=others), "line 1: correction .*another: `events` differ"),
        (changed(before[-1], by="Eve"), "line 1: serving 2 is in the ledger, and another: `by` differ"),
    ]:
        with pytest.raises(LedgerError, match=message):
            small.import_lines([line])
    with pytest.raises(LedgerError, match="line 2: it is the same correction as on line 1"):
        small.import_lines([before[0].encode()] * 2)
    assert small.export_lines() == before


def test_lines_that_do_not_agree_with_each_other_are_refused(small, empty):
    live, waiting, first, second, *servings = small.export_lines()
    moved = json.loads(live)["events"]
    for lines, message in [
        ([live, waiting, first, second], "it is 'live', and the served version None does not have it"),
        ([waiting, first, second, *servings], "line 3: version '2': correction .* is in it and not in the ledger"),
        ([live, second, *servings], "line 2: version '2': Version '1', the parent of version '2', is not in the led"),
        ([live, first, second, servings[1]], "numbered from 1 to 1 without a gap"),
        ([live, first, *servings], "version '2' is served and not in the ledger"),
        ([changed(first, parent="2").decode(), second, live], "its own ancestor"),
        (
            [changed(live, events=moved[1:], caption_after=None).decode(), first, second, *servings],
            "it went from 'proposed' to 'in candidate' by a person, which cannot be",
        ),
        (
            [changed(live, state="in candidate", model_after=None, events=moved[:2]).decode(), first, second]
            + servings,
            "it is 'in candidate', and the served version '2' has it",
        ),
    ]:
        with pytest.raises(LedgerError, match=message):
            empty.import_lines(encoded(lines))
        assert empty.export_lines() == ()
