"""A root's topics from run to run: what people decided about them, and the earlier model whose ids a run keeps.

`ROOT/topics/` keeps the topic models of blessed runs, each in a folder named after its content, and `last.json`: which
of them is the last, what it was found in, and whose ids it kept. A run that asks for the same again keeps the same
model's ids as that one did, and so finds everything in the cache; any other keeps the last one's.
"""

import hashlib
import json
import os
from pathlib import Path

from topiclens.components.topics.governance import FILE, Governance, GovernanceError, load_governance
from topiclens.components.topics.model import MODEL, TABLE, TopicModel, write_files
from topiclens.pipeline import steps
from topiclens.pipeline.run_metadata import METADATA, Outcome, newest
from topiclens.pipeline.settings import Settings
from topiclens.schemas.files import read_json, write_json
from topiclens.schemas.plain import to_json

ANEW = "none"


def governance_file(root: str, path: str | None = None) -> str:
    """The file of decisions: the setting `topics.governance`, or `governance.json` in the root."""
    return os.path.abspath(path or os.path.join(root, FILE))


def governance_of(settings: Settings, root: str) -> Governance:
    """What people decided about the topics of a root.

    Raises:
        GovernanceError: the file cannot be used, or is named and is not there.
    """
    named = settings.topics.governance
    path = governance_file(root, named)
    if named and not os.path.exists(path):
        raise GovernanceError(f"There is no file {named!r}, which topics.governance names.")
    return load_governance(path)


def request_key(settings: Settings, content: str, decided: Governance) -> str:
    """Tells runs that look for the same topics in the same captions from others. Names of topics do not count.

    `content` is the dataset's fingerprint.
    """
    topics = steps.topic_modelling(settings, decided.sampling.to_json(), None)
    told = [content, to_json(steps.ingest(settings)), to_json(topics)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def previous_of(settings: Settings, root: str, asked_for: str) -> str | None:
    """The folder of the topic model whose ids a run keeps; None where there is none.

    Raises:
        FileNotFoundError: `topics.previous` names a place without topics.
    """
    named = settings.topics.previous
    if named == ANEW:
        return None
    if named is not None:
        is_root = os.path.exists(os.path.join(named, METADATA))
        found = newest(named).folder("topiclens.TopicModel") if is_root else named
        return _folder(root, _keep(root, found))
    if not _last_path(root).exists():
        return None
    last = read_json(_last_path(root))
    return _folder(root, last["previous"] if last["asked"] == asked_for else last["topics"])


def remember(outcome: Outcome, asked_for: str | None, previous: str | None) -> None:
    """Makes the topics of a blessed run the last."""
    kept = _keep(outcome.root, outcome.folder("topiclens.TopicModel"))
    last = {"asked": asked_for, "topics": kept, "previous": previous and os.path.basename(previous)}
    write_json(_last_path(outcome.root), last)


def hold(outcome: Outcome) -> None:
    """Makes the topics of a run the last where none are yet, so that decisions about them find their ids again."""
    if not _last_path(outcome.root).exists():
        remember(outcome, None, None)


def _keep(root: str, folder: str) -> str:
    """Copies a topic model into the register; returns its name there."""
    TopicModel.load(folder)
    files = {name: Path(folder, name).read_bytes() for name in (MODEL, TABLE)}
    name = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in files.values())).hexdigest()[:16]
    write_files(_folder(root, name), files)
    return name


def _folder(root: str, name: str | None) -> str | None:
    return name and os.path.join(os.path.abspath(root), "topics", name)


def _last_path(root: str) -> Path:
    return Path(root, "topics", "last.json")
