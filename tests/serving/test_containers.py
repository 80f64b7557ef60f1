"""What can be checked of the real server's files without a container engine: that they agree with each other."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

import topiclens
from topiclens.serving.client import MODEL_NAME
from topiclens.serving.local.server import GRPC_PORT, REST_PORT

SERVING = Path(__file__).parents[2] / "serving"


@pytest.fixture
def service() -> dict:
    return yaml.safe_load((SERVING / "compose.yaml").read_text())["services"]["serving"]


def test_the_ports_are_bound_to_loopback(service):
    assert service["ports"] == [f"127.0.0.1:{port}:{port}" for port in (GRPC_PORT, REST_PORT)]


def test_the_image_is_of_the_release_that_the_stubs_are_of(service):
    assert service["image"] == f"tensorflow/serving:{version('tensorflow-serving-api')}"


def test_every_file_that_is_mounted_exists_and_the_command_reads_it(service):
    mounts = {mount["target"]: mount for mount in service["volumes"]}
    assert all(mount["read_only"] for mount in mounts.values())
    for flag in service["command"]:
        if "/config/" in flag:
            source = mounts[flag.partition("=")[2]]["source"]
            assert (SERVING / source).is_file()


def test_the_model_is_where_the_configuration_looks_and_called_what_clients_ask_for(service):
    config = (SERVING / "models.config").read_text()
    assert re.search(r'name: "(.*)"', config)[1] == MODEL_NAME
    base = re.search(r'base_path: "(.*)"', config)[1]
    assert base in [mount["target"] for mount in service["volumes"]]


def test_batches_are_never_padded_with_anything_but_the_clients_zeros():
    settings = [line for line in (SERVING / "batching.config").read_text().splitlines() if not line.startswith("#")]
    assert not any("pad_variable_length_inputs" in line for line in settings)


def test_the_pipeline_s_image_is_called_by_the_version_and_imports_what_is_installed():
    lines = (SERVING / "containers" / "pipeline.Dockerfile").read_text().splitlines()
    assert set(re.findall(r"topiclens:([0-9.]+)", "\n".join(lines))) == {topiclens.__version__}
    assert not any("PYTHONPATH" in line or "--editable" in line for line in lines)
    folders = [line.split()[1] for line in lines if line.startswith("WORKDIR")]
    assert folders[0] != folders[-1]  # steps run elsewhere than beside the source
