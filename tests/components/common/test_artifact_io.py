"""Remote folders are copied in and out whole; local ones are used in place."""

import pytest
import tensorflow as tf

from topiclens.components.common import artifact_io
from topiclens.schemas.files import read_text, write_text

REMOTE = "ram://topiclens-test"


def test_a_local_folder_is_used_in_place(tmp_path):
    with artifact_io.writable(str(tmp_path / "out")) as folder:
        assert folder == str(tmp_path / "out")
    with artifact_io.readable(folder) as again:
        assert again == folder


def test_a_remote_folder_is_copied_there_and_back():
    with artifact_io.writable(f"{REMOTE}/whole") as folder:
        write_text(f"{folder}/deep/er/file.txt", "text")
        assert not tf.io.gfile.exists(f"{REMOTE}/whole/deep/er/file.txt"), "nothing may show before all is written"
    with artifact_io.readable(f"{REMOTE}/whole") as copy:
        assert read_text(f"{copy}/deep/er/file.txt") == "text"


def test_a_failure_leaves_nothing_at_the_remote_folder():
    with pytest.raises(RuntimeError, match="disk full"), artifact_io.writable(f"{REMOTE}/half") as folder:
        write_text(f"{folder}/file.txt", "text")
        raise RuntimeError("disk full")
    assert not tf.io.gfile.exists(f"{REMOTE}/half/file.txt")
