"""The file of decisions: what it may hold, and that no edit harms it."""

import json

import pytest

from topiclens.components.topics import governance
from topiclens.components.topics.governance import Governance, GovernanceError, Remembered, SeedWords

ALL = Governance(
    rename={7: "surfing", 3: "dogs"},
    merge=((3, 12, 4),),
    ban=(5,),
    seeds=(SeedWords("dance", ("dance", "dancing"), 8, 2.0), SeedWords("fire", ("fire",))),
    topics={number: Remembered(f"name {number}", ("a", "b")) for number in (3, 4, 5, 7, 8, 12)},
)


def test_decisions_survive_their_file(tmp_path):
    with governance.edit_governance(tmp_path / "governance.json") as held:
        assert not held[0]
        held[0] = ALL
    assert governance.load_governance(tmp_path / "governance.json") == ALL
    assert [path.name for path in tmp_path.iterdir()] == ["governance.json"]


def test_what_nobody_decided_is_not_in_the_file():
    assert Governance().to_json() == {}
    assert set(Governance(ban=(3,)).to_json()) == {"ban"}
    assert Governance(topics={4: Remembered("dog", ("dog",))}).to_json() == {}, "memory of no decision"


def test_an_edit_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "governance.json"
    with governance.edit_governance(path) as held:
        held[0] = ALL
    before = path.read_bytes()
    with pytest.raises(KeyError), governance.edit_governance(path) as held:
        held[0] = Governance()
        raise KeyError
    with pytest.raises(GovernanceError, match="expected"), governance.edit_governance(path) as held:
        held[0] = Governance(rename={1: "two\nlines"})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "cannot be read: not JSON"),
        ('{"renames": {}}', "'renames' was unexpected"),
        ('{"merge": [[3]]}', "expected at least 2 of them"),
        ('{"ban": ["dog"]}', "expected"),
        ('{"rename": {"dog": "x"}}', "dog"),
        ('{"rename": {"3": "  "}}', "expected"),
        ('{"seeds": [{"name": "x", "words": ["Big"]}]}', "lower case"),
        ('{"merge": [[3, 4], [4, 5]]}', "topic 4 is in more than one group"),
        ('{"merge": [[3, 4]], "ban": [4]}', "topic 4 is in more than one group to merge, or in one and banned"),
        ('{"rename": {"1": "dogs", "2": "Dogs"}}', "'dogs' is given to more than one topic"),
        ('{"seeds": [{"name": "a", "words": ["x"]}, {"name": "b", "words": ["x"]}]}', "'x' is pinned to more than"),
    ],
)
def test_a_file_that_a_person_got_wrong_is_explained(tmp_path, content, said):
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(GovernanceError, match=said):
        governance.load_governance(tmp_path / "mine.json")


def test_names_are_apart_from_what_is_trained():
    assert ALL.names.to_json() == {
        "rename": {"3": "dogs", "7": "surfing"},
        "topics": {key: value for key, value in ALL.to_json()["topics"].items() if key in "37"},
    }
    assert "rename" not in ALL.sampling.to_json() and "7" not in ALL.sampling.to_json()["topics"]
    assert not Governance(rename={3: "x"}).sampling and not Governance(ban=(3,)).names


def test_the_file_is_for_people(tmp_path):
    with governance.edit_governance(tmp_path / "governance.json") as held:
        held[0] = Governance(rename={7: "Straße"})
    text = (tmp_path / "governance.json").read_text()
    assert "Straße" in text and json.loads(text) == {"rename": {"7": "Straße"}} and len(text.splitlines()) == 5
