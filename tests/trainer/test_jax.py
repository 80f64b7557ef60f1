"""The same captioner on another backend.

It needs an environment of its own, because no JAX that is as old as TensorFlow 2.16's NumPy is part of ours:

    pip install keras==3.6.0 jax==0.4.30 jaxlib==0.4.30 numpy==1.26.4 "scipy<1.14" h5py pytest
    python -m pytest tests/trainer/test_jax.py
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
