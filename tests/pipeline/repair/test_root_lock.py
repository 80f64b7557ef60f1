"""One at a time changes what a root serves."""

import threading

import pytest

from tests.pipeline.repair.acting import look, propose, refine, rollback
from topiclens.pipeline.repair import refinements
from topiclens.pipeline.repair.corrections import PASSING, RootBusy, lock_root


def test_the_second_of_two_is_told_who_is_at_work(root):
    propose(root)
    with lock_root(root, "Ann", "refining"):
        for ask in (lambda: refine(root), lambda: refinements.publish(root, "Ben"), lambda: rollback(root, "100")):
            with pytest.raises(RootBusy, match=r"Ann is refining \(process \d+, since 20"):
                ask()
        propose(root, "v2")  # proposals need no turn
    assert refine(root).blessed


def test_who_is_but_passing_is_waited_for(root):
    propose(root)
    entered, leave = threading.Event(), threading.Event()

    def pass_by():
        with lock_root(root, "recovery", PASSING):
            entered.set()
            leave.wait()

    passing = threading.Thread(target=pass_by)
    passing.start()
    entered.wait()
    assert look(root)  # waits for nobody
    threading.Timer(0.2, leave.set).start()
    assert refine(root).blessed
    passing.join()


def test_a_root_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="No run was ever started"):
        look(str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
