"""Files on local disks and in object stores alike, wherever TensorFlow can read and write."""

import os


def write_aside(path: str, content: bytes) -> None:
    """Writes a file under another name and renames it: a reader sees the old content or the new, never a part."""
    import tensorflow as tf

    aside = f"{path}.partial-{os.getpid()}"  # several workers may write the same file
    with tf.io.gfile.GFile(aside, "wb") as file:
        file.write(content)
    tf.io.gfile.rename(aside, path, overwrite=True)


def copy_tree(source: str, target: str) -> None:
    """Copies a folder with all its files; files of equal name are replaced."""
    import tensorflow as tf

    for folder, _, files in tf.io.gfile.walk(source):
        below = os.path.join(target, os.path.relpath(folder, source)) if folder != source else target
        tf.io.gfile.makedirs(below)
        for file in files:
            tf.io.gfile.copy(os.path.join(folder, file), os.path.join(below, file), overwrite=True)


def is_remote(path: str) -> bool:
    return "://" in path
