"""The wheel as a user installs it: beside packages of the same names as ours, and as a client without TensorFlow."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.components.videos.conftest import write_clip
from topiclens.trainer.exported import EXTRA, FORMAT, JSON_FILE

REPOSITORY = Path(__file__).parents[2]
FRAMES = 12

LOCALLY = """
import sys
import components, trainer
import topiclens
assert components.MINE and trainer.MINE and "tensorflow" not in sys.modules
captioner = topiclens.load(sys.argv[1])
print(captioner.caption("clip.mp4").text)
"""

AS_CLIENT = """
import importlib.metadata, importlib.util, sys
import topiclens
assert topiclens.__version__ == importlib.metadata.version("topiclens")
assert importlib.util.find_spec("tensorflow") is None
for address in sys.argv[2:]:
    with topiclens.connect(address) as client:
        print(client.caption("clip.mp4").text)
try:
    topiclens.load(sys.argv[1])
except ImportError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of the files that git knows, built outside the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    files = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        if not name.startswith("tests/") and (REPOSITORY / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / "source" / name)
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
    subprocess.run([sys.executable, "-m", "pip", *build, folder / "source"], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory) -> Path:
    """A folder with a clip, and with packages of the user's own that are called as ours are."""
    folder = tmp_path_factory.mktemp("user")
    write_clip(folder / "clip.mp4", FRAMES)
    for name in ("trainer", "components"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("MINE = True\n")
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory, toy_versions) -> Path:
    """The root of a run with a pushed toy model, which samples five frames."""
    root = tmp_path_factory.mktemp("root")
    version = shutil.copytree(toy_versions[1], root / "serving" / "topiclens" / "1")
    (version / EXTRA).mkdir()
    (version / EXTRA / JSON_FILE).write_text(json.dumps({"format": FORMAT, "features": {"n_frames": 5}}))
    return root


def environment(folder: Path, wheel: Path) -> Path:
    """A new environment with the wheel alone; returns its folder of packages."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/*/site-packages")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--target", packages]
    subprocess.run([sys.executable, "-m", "pip", *install, wheel], check=True)
    return packages


def run(folder: Path, code: str, cwd: Path, *arguments: str) -> str:
    (cwd / "user_script.py").write_text(code)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(
        [folder / "bin" / "python", "user_script.py", *arguments], cwd=cwd, env=kept, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def required(wheel: importlib.metadata.Distribution, extra: str) -> set[str]:
    """The distributions that installing the wheel with an extra brings."""
    wanted, found = [(line, extra) for line in wheel.requires], set()
    while wanted:
        line, extra = wanted.pop()
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        if requirement.name not in found:
            found.add(requirement.name)
            wanted += [(line, "") for line in importlib.metadata.requires(requirement.name) or ()]
    return found


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    files = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    folders = ("pipeline/", "trainer/", "components/", "schemas/", "serving/")
    wanted = {f"topiclens/{name}" for name in files.splitlines() if name.startswith(folders)}
    wanted |= {name for name in files.splitlines() if name.startswith("topiclens/")}
    with zipfile.ZipFile(wheel) as archive:
        missing = wanted - set(archive.namelist())
    assert not {name for name in missing if not name.startswith("topiclens/serving/containers/")}


def test_an_installed_wheel_captions_a_clip_beside_a_users_own_trainer(wheel, exported, clip_folder, tmp_path):
    packages = environment(tmp_path / "env", wheel)
    # What the wheel requires is taken from this environment; its .pth files, ours among them, are not read there.
    site = Path(importlib.metadata.distribution("numpy").locate_file(""))
    (packages / "requirements.pth").write_text(f"{site}\n")
    assert run(tmp_path / "env", LOCALLY, clip_folder, str(exported)) == "v1: 5 frames\n"


def test_the_client_extra_captions_a_clip_without_tensorflow(wheel, exported, server, clip_folder, tmp_path):
    packages = environment(tmp_path / "env", wheel)
    (installed,) = importlib.metadata.distributions(name="topiclens", path=[str(packages)])
    names = required(installed, "client")
    assert "numpy" in names and not any("tensor" in name for name in names) and len(names) < 25
    for name in names:
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(distribution.locate_file(top))
    said = run(
        tmp_path / "env", AS_CLIENT, clip_folder, str(exported), server.rest_address, server.grpc_address
    ).splitlines()  # fmt: skip
    assert said[:2] == [f"v1: {FRAMES} frames"] * 2
    assert "is not installed: pip install 'topiclens[all]'" in said[2]
    command = f"""
import sys
from topiclens.pipeline.cli.main import main
sys.exit(main(["caption", "clip.mp4", "--server", "{server.grpc_address}"]))
"""
    assert run(tmp_path / "env", command, clip_folder) == f"v1: {FRAMES} frames\n"
