"""The same captioner on another backend.

It needs its own environment, which `make check-jax` makes: a JAX as old as TensorFlow 2.16's NumPy is no part of ours.
"""

import os
import subprocess
import sys

import pytest

pytest.importorskip("jax", reason="JAX is not installed here; `make check-jax` runs this in an environment of its own")


def test_the_captioner_trains_and_writes_on_jax():
    done = subprocess.run(
        [sys.executable, "-m", "tests.trainer.steps_on_jax"],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "the loss fell" in done.stdout
