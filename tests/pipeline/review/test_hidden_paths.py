"""Messages for the page tell nothing of where things are on the machine, and are otherwise as they were."""

import pytest

from topiclens.pipeline.review.jobs import hide_paths


@pytest.mark.parametrize("root", [".", "runs", "runs/mine"])
def test_a_root_that_is_a_word_leaves_sentences_alone(root):
    said = "The folder of version 7 is gone. These runs lack it; wait. See runs, and try again."
    assert hide_paths(said, root) == said
    assert hide_paths(f"{root}/serving/7 is gone.", root) == "the run's folder is gone."


def test_errors_tell_nothing_of_where_things_are():
    error = "No version is left in /srv/run/serving/topiclens. Ann is refining on root '/srv/run', wait."
    told = hide_paths(error, "/srv/run")
    assert "/srv" not in told and "Ann is refining, wait" in told
