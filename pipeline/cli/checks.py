"""What is checked before anything that takes long is loaded. None of it imports TensorFlow or TFX."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topiclens.components.refinement.settings import RefinementSettings
    from topiclens.schemas.topic_lookup import NamedTopic


class InputError(ValueError):
    """Something that was typed cannot be used."""


def check_videos(videos: Sequence[str]) -> dict[str, str]:
    """What is wrong with each video file, where not one of them can be used; empty where one can."""
    from topiclens.components.videos.decoding import UnreadableVideo
    from topiclens.components.videos.reader import probe

    faults = {}
    for video in videos:
        try:
            probe(video)
        except (UnreadableVideo, OSError) as error:
            faults[video] = str(error)
        else:
            return {}
    return faults


def check_model(model: str) -> str:
    """The exported model that a path means; FileNotFoundError or ExportError where there is none."""
    from topiclens.serving.saved_model import resolve_version
    from topiclens.trainer.exported import read_meta

    folder = str(resolve_version(model))
    read_meta(folder)
    return folder


def check_topics(wanted: Iterable[int | str], model: str | None, root: str | None) -> Sequence[NamedTopic]:
    """The topics of a model, after a look for those that were typed, ids or names; none where names are not known.

    Args:
        model: an exported model; None for a server, whose topics are looked up when it is asked.
        root: of the run that trained the server's model, whose topics are taken then; None where it is not known.
    Raises:
        UnknownTopic, InputError: the model does not know one of them, or not by its name.
    """
    from topiclens.components.neurons.links import links_of
    from topiclens.pipeline.run_metadata import serving_folder
    from topiclens.schemas.topic_lookup import find_topic
    from topiclens.serving.saved_model import resolve_version

    folder = model or (root and resolve_version(serving_folder(root)))
    if not folder:
        return ()
    links = links_of(folder)
    for topic in wanted:
        if links is not None:
            find_topic(topic, links.topics)
        elif not str(topic).isdecimal():
            raise InputError(
                f"The model in {str(folder)!r} does not bring the names of its topics, so {topic!r} cannot be looked "
                "up. Give the topic's id: 'topiclens topics' shows it."
            )
    return links.topics if links else ()


def check_correction(root: str, video: str, topic: str, settings: RefinementSettings) -> None:
    """Whether the served model knows a topic, and whether a video is of the run's dataset or a file.

    Raises:
        UnknownTopic, InputError: it does not, or it is neither.
        NothingThere: no run came far enough.
    """
    from topiclens.pipeline.exports import names_of
    from topiclens.pipeline.repair.corrections import read_ledger
    from topiclens.pipeline.repair.model_store import ModelStore
    from topiclens.pipeline.run_metadata import dataset_rows, newest
    from topiclens.schemas.topic_lookup import find_topic

    outcome = newest(root)
    with read_ledger(root, settings) as ledger:
        served = ledger.served()
    links = names_of(root, str(ModelStore(root).version(served.version)))[0] if served else None
    if links is not None:
        find_topic(topic, links.topics)
    if not os.path.isfile(video) and all(row["video_id"] != video for row in dataset_rows(outcome)):
        raise InputError(
            f"{video!r} is no video of the dataset of {root!r}, and there is no such file. Check the path, or take an "
            "id of the dataset's manifest."
        )


def check_writable(folder: str) -> None:
    """Raises InputError for a folder that can neither be made nor written to."""
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise InputError(f"{str(place)!r} is a file, so {folder!r} cannot be a folder. Name another one.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{str(place)!r} cannot be written to, so {folder!r} cannot be used. Name another one.")


def check_port(host: str, port: int, option: str) -> None:
    """Raises InputError for a port at which no server can listen."""
    if not 0 <= port < 2**16:
        raise InputError(f"{option} is {port}; expected a port from 1 to 65535, or 0 for one that is free.")
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        raise InputError(
            f"Nothing can listen at port {port} of {host} ({error.strerror}). Stop what listens there, or choose "
            f"another port by {option}."
        ) from error


def check_server(address: str) -> None:
    """Raises InputError for what is no address of a model server, or one where nobody answers."""
    scheme, _, rest = address.rpartition("://")
    host, _, port = rest.partition("/")[0].rpartition(":")
    if scheme not in ("", "grpc", "http", "https") or not host or not port.isdecimal():
        raise InputError(f"{address!r} is no address of a model server; expected one such as grpc://127.0.0.1:8500.")
    if any(name.lower() in ("http_proxy", "https_proxy", "grpc_proxy") for name in os.environ):
        return  # the proxy can tell, this machine cannot
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except TimeoutError:
        return  # slow is not wrong: whoever asks it waits longer
    except OSError as error:
        raise InputError(
            f"Nobody answers at {address} ({error.strerror}). 'topiclens serve' starts a model server."
        ) from error
