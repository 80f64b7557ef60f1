"""Wrong input is refused in a sentence before TensorFlow or TFX is loaded, and leaves nothing behind."""

import json
import socket
import subprocess
import sys

import pytest

from tests.components.videos.conftest import write_clip
from topiclens.components.neurons.links import TopicLink, TopicLinks
from topiclens.trainer.exported import EXTRA, FORMAT, JSON_FILE

# Runs each command of standard input in one process, whose newest run on any root is the planted one.
DRIVER = """
import contextlib, io, json, sys
from topiclens.pipeline import run_metadata
from topiclens.pipeline.cli.main import main

planted, newest = sys.argv[1], run_metadata.newest
artifacts = {"Model": f"{planted}/Model", "Examples": f"{planted}/Examples", "topiclens.Dataset": f"{planted}/Dataset",
             "topiclens.TopicModel": f"{planted}/TopicModel", "topiclens.NeuronLinks": f"{planted}/links"}
run_metadata.newest = lambda root: run_metadata.Outcome(root, artifacts, True) if root == planted else newest(root)
for arguments in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(said):
        status = main(arguments)
    loaded = sorted({"tensorflow", "keras", "tfx", "apache_beam"} & set(sys.modules))
    print(json.dumps([status, said.getvalue(), loaded]))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root as a run leaves it, as far as it can be read without TensorFlow."""
    root = tmp_path_factory.mktemp("root")
    topics = [TopicLink(i, name, (name,), None, 1, ()) for i, name in enumerate(("dance", "dog", "snow"))]
    for export in (root / "Model" / "Format-Serving", root / "serving" / "topiclens" / "1"):
        TopicLinks(tuple(topics), 4).save(export / EXTRA)
        (export / "saved_model.pb").touch()
        meta = {"format": FORMAT, "features": {}, "model": {"n_topics": 3}}
        (export / EXTRA / JSON_FILE).write_text(json.dumps(meta))
    (root / "Dataset").mkdir()
    (root / "Dataset" / "videos.jsonl").write_text(json.dumps({"video_id": "v1", "split": "val"}) + "\n")
    (root / "Examples" / "Split-val").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "data" / "manifest.jsonl").touch()
    (root / "empty").mkdir()
    (root / "broken.mp4").write_bytes(b"this is no video")
    write_clip(root / "clip.mp4", 3)
    return root


@pytest.fixture(scope="module")
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


CASES = [
    ("caption nosuch.mp4 --model {model}", "'nosuch.mp4' cannot be opened"),
    ("caption {root}/broken.mp4 --model {model}", "broken.mp4"),
    ("caption {clip} --model {root}/empty", "Expected a SavedModel folder"),
    ("caption {clip} --model {model} --with danse", "There is no topic 'danse'. Did you mean 0 (dance)?"),
    ("caption {clip} --model {model} --with 9", "There is no topic '9': the topics go from 0 to 2"),
    ("caption {clip} --model {model} --sampling equall", "equal, centred, step, random_clip"),
    ("caption {clip} --server localhost", "'localhost' is no address of a model server"),
    ("caption {clip} --server grpc://127.0.0.1:1", "Nobody answers at grpc://127.0.0.1:1"),
    ("explain nosuch.mp4 --root {root}", "'nosuch.mp4' cannot be opened"),
    ("explain {clip} --root {root} --output {clip}/pages", "clip.mp4' is a file"),
    ("explain --id v1 --root nowhere", "No run was ever started on root 'nowhere'"),
    ("explain {clip} --root {root} --server grpc://127.0.0.1:1", "Nobody answers"),
    ("run --preset smple", "There is no preset 'smple'. Did you mean sample?"),
    ("run --preset msvd --root {root}/new", "needs --data"),
    ("run --data nosuch --root {root}/new", "There is no folder 'nosuch'"),
    ("run --data {root}/empty --root {root}/new", "is not a dataset that TopicLens knows"),
    ("run --data {root}/data --root {root}/new --set training.epoch=3", "training.epoch. Did you mean epochs?"),
    ("run --data {root}/data --root {root}/new --set trainig.epochs=3", "Did you mean training?"),
    ("run --data {root}/data --root {root}/new --set features.backbone=vgg", "features.backbone is 'vgg'"),
    ("run --data {root}/data --root {root}/new --base-model {root}/empty", "There is no model to start from"),
    ("run --data {root}/data --root {root}/new --set topics.governance=nosuch.json", "There is no file 'nosuch.json'"),
    ("run --data {root}/data --root {clip}/new", "clip.mp4' is a file"),
    ("evaluate --root {root} --model {root}/empty", "Expected a SavedModel folder"),
    ("evaluate --root {root} --split test", "has no split 'test'"),
    ("correct v1 --topic danse --root {root}", "There is no topic 'danse'. Did you mean 0 (dance)?"),
    ("correct v2 --topic dance --root {root}", "'v2' is no video of the dataset"),
    ("correct v1 --topic dance --root {root} --set training.epochs=3", "takes --set refinement.NAME=VALUE or limits"),
    ("serve --root nowhere", "There is no model in 'nowhere/serving/topiclens'"),
    ("serve --root {root} --grpc-port {taken}", "Nothing can listen at port {taken}"),
    ("serve --root {root} --rest-port 99999", "--rest-port is 99999; expected a port"),
    ("review --root nowhere", "No run was ever started"),
    ("review --root {root} --port {taken}", "Nothing can listen at port {taken}"),
    ("review --root {root} --server grpc://127.0.0.1:1 --port 0", "Nobody answers"),
    ("compare --root nowhere", "No run was ever started"),
    ("compare --root {root} --preset smple", "Did you mean sample?"),
    ("experiment corrections --root {root} --set training.epochs=1", "takes --set refinement.NAME=VALUE only"),
    ("border --root {root} --model {root}/empty", "Expected a SavedModel folder"),
    ("border --root {root} --steps 0", "step of at least 1, got 0"),
    ("refine --root nowhere", "No run was ever started"),
    ("settings trainig", "There is no setting or section 'trainig'. Did you mean training"),
]  # fmt: skip


@pytest.fixture(scope="module")
def refusals(root, taken):
    """Command -> (exit status, what it says, which slow packages are loaded by then), all in one process."""
    places = {"root": root, "clip": root / "clip.mp4", "model": root / "Model" / "Format-Serving", "taken": taken}
    commands = [[part.format(**places) for part in command.split()] for command, _ in CASES]
    run = subprocess.run(
        [sys.executable, "-c", DRIVER, str(root)],
        input=json.dumps(commands), capture_output=True, text=True, timeout=120, cwd=root,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return dict(zip((command for command, _ in CASES), map(json.loads, run.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("command", "said"), CASES, ids=[command for command, _ in CASES])
def test_wrong_input_is_told_before_anything_slow_is_loaded(command, said, refusals, taken):
    status, told, loaded = refusals[command]
    assert status == 1 and loaded == []
    assert said.format(taken=taken) in told and "Traceback" not in told


def test_a_refused_run_leaves_no_root_behind(refusals, root):
    assert not (root / "new").exists() and "new" not in [path.name for path in root.iterdir()]
