"""Errors of the system, and errors that other libraries wrap, in a sentence with what to do."""

import errno
import os
import pickle
import socket
import sqlite3

import pytest

from topiclens.components.videos.ingest import TooManyRejected
from topiclens.pipeline.errors import explain_error, explain_fault


def test_the_systems_errors_name_the_file_and_say_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    for broken, said in (
        (lambda: open(tmp_path / "nosuch"), "There is no such file or folder: '.*nosuch'. Check the path."),
        (lambda: open(tmp_path), "A folder is where a file was expected"),
        (lambda: os.listdir(tmp_path / "file"), "A file is where a folder was expected"),
        (lambda: open(tmp_path / ("x" * 999), "w"), "name is too long"),
        (lambda: open("/dev/full", "w", buffering=1).write("x\n"), "The disk is full. Free some space"),
        (lambda: socket.create_connection(("127.0.0.1", 1)), "Nothing answers at the address. Start the server"),
        (lambda: "\udcff.mp4".encode(), "A name is not valid UTF-8: '.*'. Rename"),
        (lambda: b"\xff".decode(), "not UTF-8 text"),
        (lambda: __import__("nosuchpackage"), "The package 'nosuchpackage' is not installed"),
    ):
        with pytest.raises(Exception) as raised:
            broken()
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(explain_error(raised.value))


def test_a_port_that_is_taken_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError) as raised:
        socket.create_server(taken.getsockname())
    assert explain_error(raised.value).startswith("The port is in use. Stop the program")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPIPE, errno.EMFILE, errno.EHOSTUNREACH])
def test_what_beam_holds_as_text_is_told_as_the_error_itself(number):
    error = OSError(number, os.strerror(number), "/a/file")
    wrapped = RuntimeError(f"OSError: {error} [while running 'ingest/CheckLines-ptransform-17']")
    assert explain_error(wrapped) == explain_error(error)
    assert "'/a/file'" in explain_error(error) and os.strerror(number) not in explain_error(error)


def test_our_own_errors_speak_for_themselves_through_beam_however_often_it_wraps_them():
    told = "3 of 4 videos were set aside. See rejected.jsonl."
    assert explain_error(TooManyRejected(f"{told} [while running 'ingest/Write']")) == told
    text = f"Traceback (most recent call last):\n  File x\ntopiclens.components.videos.ingest.TooManyRejected: {told}"
    once = RuntimeError(f"{text} [while running 'a']")
    assert explain_error(once) == told
    assert explain_error(pickle.loads(pickle.dumps(RuntimeError(f"RuntimeError: {once} [while running 'b']")))) == told


def test_the_reason_may_be_a_cause_of_what_was_raised():
    try:
        try:
            raise TooManyRejected("none is left.")
        except TooManyRejected as error:
            raise RuntimeError("the step failed") from error
    except RuntimeError as error:
        assert explain_error(error) == "none is left."


def test_libraries_that_have_their_own_words_for_it_are_understood():
    assert explain_error(sqlite3.OperationalError("database or disk is full")).startswith("The disk is full")
    assert explain_error(sqlite3.OperationalError("attempt to write a readonly database")).startswith("The folder can")
    assert "--name" in explain_error(KeyError("getpwuid(): uid not found: 4711"))
    assert "memory is full" in explain_error(MemoryError())


def test_what_nobody_expected_is_a_fault_of_ours_and_is_named():
    error = ZeroDivisionError("division by zero")
    assert explain_error(error) is None
    assert explain_fault(error) == "This is a fault of TopicLens (ZeroDivisionError: division by zero)."
