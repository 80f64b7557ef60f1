"""A file is replaced as a whole or not at all, on a disk and in an object store, whoever else writes it."""

import threading

import pytest
import tensorflow as tf

from topiclens.schemas import files

REMOTE = "ram://topiclens-test"


@pytest.fixture(params=["disk", "ram"])
def folder(request, tmp_path):
    return str(tmp_path) if request.param == "disk" else f"ram://{tmp_path.name}"


def _listed(folder):
    return [name for name in tf.io.gfile.listdir(folder) if tf.io.gfile.exists(f"{folder}/{name}")]


def test_a_file_is_replaced_and_nothing_else_is_left(folder):
    for text in ("one", "zwölf\r\n\u2028", ""):
        files.write_text(f"{folder}/deep/a.txt", text)
        assert files.read_text(f"{folder}/deep/a.txt") == text
        assert _listed(f"{folder}/deep") == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(folder):
    files.write_json(f"{folder}/a.json", {"ü": [1]})
    with pytest.raises(RuntimeError, match="disk full"), files.replacing(f"{folder}/a.json") as aside:
        with tf.io.gfile.GFile(aside, "w") as file:
            file.write("half")
        raise RuntimeError("disk full")
    assert files.read_json(f"{folder}/a.json") == {"ü": [1]} and _listed(folder) == ["a.json"]


def test_what_fails_before_anything_is_written_says_what_failed(folder):
    with pytest.raises(RuntimeError, match="no data"), files.replacing(f"{folder}/a.json"):
        raise RuntimeError("no data")


def test_several_writers_of_one_file_do_not_meet(tmp_path):
    contents = [bytes([number]) * 200_000 for number in range(8)]
    threads = [threading.Thread(target=files.write_bytes, args=(tmp_path / "a", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.read_bytes(tmp_path / "a") in contents and len(list(tmp_path.iterdir())) == 1


def test_others_may_read_what_is_written(tmp_path):
    (tmp_path / "plain").touch()
    files.write_text(tmp_path / "a", "text")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_local_folder_is_used_in_place(tmp_path):
    with files.writable(str(tmp_path / "out")) as folder:
        assert folder == str(tmp_path / "out")
    with files.readable(folder) as again:
        assert again == folder


def test_a_remote_folder_is_copied_there_and_back():
    with files.writable(f"{REMOTE}/whole") as folder:
        files.write_text(f"{folder}/deep/er/file.txt", "text")
        assert not tf.io.gfile.exists(f"{REMOTE}/whole/deep/er/file.txt"), "nothing may show before all is written"
    with files.readable(f"{REMOTE}/whole") as copy:
        assert files.read_text(f"{copy}/deep/er/file.txt") == "text"


def test_a_failure_leaves_nothing_at_the_remote_folder():
    with pytest.raises(RuntimeError, match="disk full"), files.writable(f"{REMOTE}/half") as folder:
        files.write_text(f"{folder}/file.txt", "text")
        raise RuntimeError("disk full")
    assert not tf.io.gfile.exists(f"{REMOTE}/half/file.txt")
