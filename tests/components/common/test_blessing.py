"""A blessing as a folder."""

import json

from topiclens.components.common.blessing import Blessing, mark, read_blessing, write_blessing
from topiclens.schemas.verdicts import Reason


def test_the_folder_holds_one_verdict_and_its_reasons_also_after_a_second_judgement(tmp_path):
    for passed, verdict in ((True, "BLESSED"), (False, "NOT_BLESSED"), (True, "BLESSED")):
        reasons = Reason("CIDEr minimum", passed, "CIDEr is so."), Reason("AUC minimum", True, "AUC is well.")
        blessing = Blessing("val", reasons)
        write_blessing(tmp_path, blessing)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([verdict, "reasons.json", "reasons.txt"])
        lines = (tmp_path / "reasons.txt").read_text().splitlines()
        assert lines == [verdict, f"{'+' if passed else '-'} CIDEr is so.", "+ AUC is well."]
        assert json.loads((tmp_path / "reasons.json").read_text())["blessed"] is passed
        assert read_blessing(tmp_path) == blessing


def test_an_artifact_says_what_the_pusher_obeys_and_why():
    class Artifact:
        def __init__(self):
            self.properties = {}
            self.set_int_custom_property = self.set_string_custom_property = self.properties.__setitem__

    reasons = Reason("CIDEr minimum", True, "CIDEr is so."), Reason("AUC minimum", False, "AUC is not.")
    for passed, blessed in ((reasons, 0), (reasons[:1], 1)):
        artifact = Artifact()
        mark(artifact, Blessing("val", passed))
        assert artifact.properties == {"blessed": blessed, "reasons": " ".join(reason.words for reason in passed)}
