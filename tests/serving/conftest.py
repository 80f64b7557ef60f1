"""Toy models, base folders to publish them in, and a stand-in server on free ports of this machine."""

import os
import shutil
from pathlib import Path

import pytest

from tests.serving import toy_model
from topiclens.serving.local.server import LocalServer


@pytest.fixture(scope="session")
def toy_versions(tmp_path_factory) -> dict[int, Path]:
    """SavedModel folders of the toy model's versions 1 and 2."""
    folder = tmp_path_factory.mktemp("toys")
    for version in (1, 2):
        toy_model.save(folder / str(version), version)
    return {version: folder / str(version) for version in (1, 2)}


class Base:
    """A serving base folder: publish versions into it as a pusher does, by an atomic rename."""

    def __init__(self, path: Path, toys: dict[int, Path]):
        self.path = path
        self.toys = toys
        path.mkdir(parents=True)

    def publish(self, version: int, toy: int | None = None) -> Path:
        aside = self.path / f"aside-{version}"
        shutil.copytree(self.toys[toy or version], aside)
        return aside.rename(self.path / str(version))


@pytest.fixture
def base(tmp_path, toy_versions) -> Base:
    """An empty base folder."""
    return Base(tmp_path / "topiclens", toy_versions)


@pytest.fixture(scope="session")
def server(tmp_path_factory, toy_versions):
    """A stand-in that serves the toy's version 1 and is left as it was found."""
    base = Base(tmp_path_factory.mktemp("base") / "topiclens", toy_versions)
    base.publish(1)
    with LocalServer(base.path, grpc_port=0, rest_port=0, max_request_bytes=2**20) as server:
        yield server


@pytest.fixture
def start():
    """Starts stand-ins that are stopped after the test."""
    servers = []

    def start(path, **options) -> LocalServer:
        servers.append(LocalServer(path, **{"grpc_port": 0, "rest_port": 0, "poll_seconds": 60.0, **options}))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop(grace=1)


@pytest.fixture(scope="session")
def addresses(request) -> list[str]:
    """Where the client suite goes: the servers that TFS_ADDRESS names, or the stand-in over gRPC and REST."""
    if os.environ.get("TFS_ADDRESS"):
        return os.environ["TFS_ADDRESS"].split(",")
    server = request.getfixturevalue("server")
    return [server.grpc_address, server.rest_address]
