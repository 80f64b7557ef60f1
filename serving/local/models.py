"""Which versions are loaded: the base folder is watched, new versions are loaded before old ones go.

The policy is that of ``models.config`` beside the base folder, read again each time, or else TensorFlow Serving's
default: the largest numbered folders are wanted. A version that is no longer wanted is unloaded once a wanted one is
available and its own last request is answered. A version that does not load is refused and reported, and the old one
keeps serving. TensorFlow Serving tries a broken version a fixed number of times; here it is tried again when its files
change.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from topiclens.serving import model_config
from topiclens.serving.protocol import StatusError, VersionStatus, code_name, invalid_argument
from topiclens.serving.saved_model import SavedModel, describe_error, find_versions

_log = logging.getLogger(__name__)


@dataclass
class _Version:
    """A version that was found: its state, its model while loaded, how many requests use it."""

    number: int
    files: tuple
    state: str = "LOADING"
    error: StatusError | None = None
    model: SavedModel | None = None
    users: int = 0

    def status(self) -> VersionStatus:
        error = (self.error.code, self.error.message) if self.error else ()
        return VersionStatus(self.number, self.state, *error)


class ModelVersions:
    """The versions of one model under a base folder.

    Args:
        name: the name that requests give.
        base: the folder of numbered version folders.
        num_versions: how many of the largest versions to serve, where `models.config` does not name the model.
        poll_seconds: how often to look for new ones.
    """

    def __init__(self, name: str, base: str | Path, *, num_versions: int = 1, poll_seconds: float = 1.0):
        self.name = name
        self.base = Path(base)
        self._default = self._policy = model_config.VersionPolicy(latest=num_versions)
        self._labels: dict[str, int] = {}
        self._poll_seconds = poll_seconds
        self._versions: dict[int, _Version] = {}
        self._changed = threading.Condition()
        self._polling = threading.Lock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Loads what is there, then watches the base folder; FileNotFoundError where there is none."""
        if not self.base.is_dir():
            raise FileNotFoundError(
                f"Expected a base folder of numbered model versions at '{self.base}', found none. Likely cause: "
                "nothing was pushed yet, or the path is wrong. It should hold <version>/saved_model.pb."
            )
        self.poll()
        if self.newest() is None:
            lacking = "No version of servable %s could be loaded from base path %s. It should hold %s; waiting for one"
            _log.warning(lacking, self.name, self.base, "<number>/saved_model.pb")
        self._watcher = threading.Thread(target=self._watch, name="model-versions", daemon=True)
        self._watcher.start()

    def stop(self, grace: float = 5.0) -> None:
        """Stops watching and unloads every version, each after its last request or ``grace`` seconds."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        for number in list(self._versions):
            self._unload(number, grace)

    def poll(self) -> None:
        """Looks at the base folder once, and loads and unloads what that asks for."""
        with self._polling:
            if not self.base.is_dir():
                _log.warning("Could not find base path %s for servable %s", self.base, self.name)
                return  # a base folder that is gone for a moment (a remount) takes no model away
            found = find_versions(self.base)
            if not found and self._available():
                _log.warning("No versions of servable %s found under base path %s", self.name, self.base)
            self._read_policy()
            wanted = self._policy.wanted(found)
            for number in wanted:
                self._load(number, found[number])
            self._move_labels()
            if not wanted or any(number in self._available() for number in wanted):
                for number in set(self._available()) - set(wanted):
                    self._unload(number)

    def _read_policy(self) -> None:
        """Reads the policy; where it cannot be read, the last one stays."""
        try:
            self._policy = model_config.read_policy(model_config.config_path(self.base), self.name) or self._default
        except model_config.ModelConfigError as error:
            _log.error("%s The policy that was read before stays.", error)

    def _move_labels(self) -> None:
        """Gives each label to its version, once that is loaded: until then the version that had it answers."""
        with self._changed:
            wanted = self._policy.labels
            loaded = {label: number for label, number in wanted.items() if number in self._available()}
            self._labels = {label: number for label, number in self._labels.items() if label in wanted} | loaded

    def newest(self) -> int | None:
        """The largest loaded version; None where there is none."""
        with self._changed:
            return max(self._available(), default=None)

    @contextlib.contextmanager
    def use(self, name: str, version: int | str | None = None) -> Iterator[tuple[int, SavedModel]]:
        """Holds a loaded version, by number or label or else the newest, and yields its number and model.

        StatusError: INVALID_ARGUMENT for no name or an unknown label, NOT_FOUND for what is not loaded.
        """
        if not name:
            raise invalid_argument("ModelSpec has no name specified.")
        with self._changed:
            version = self._numbered(name, version)
            available = self._available() if name == self.name else {}
            held = available.get(max(available, default=0) if version is None else version)
            if held is None or held.model is None:
                asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise StatusError("NOT_FOUND", f"Servable not found for request: {asked}")
            held.users += 1
        try:
            yield held.number, held.model
        finally:
            with self._changed:
                held.users -= 1
                self._changed.notify_all()

    def status(self, name: str, version: int | str | None = None) -> list[VersionStatus]:
        """The state of every version found (or of the one asked for, by number or label), newest first.

        StatusError: NOT_FOUND for an unknown model or version, INVALID_ARGUMENT for an unknown label.
        """
        with self._changed:
            version = self._numbered(name, version)
            seen = self._versions if name == self.name else {}
            if version is not None and version not in seen:
                raise StatusError("NOT_FOUND", f"Could not find version {version} of model {name}")
            if not seen:
                raise StatusError("NOT_FOUND", f"Could not find any versions of model {name}")
            numbers = sorted(seen, reverse=True) if version is None else [version]
            return [seen[number].status() for number in numbers]

    def _numbered(self, name: str, version: int | str | None) -> int | None:
        """The number of a version that may be asked for by its label."""
        if not isinstance(version, str):
            return version
        labels = self._labels if name == self.name else {}
        if version not in labels:
            raise invalid_argument(f"Unrecognized servable version label: {version}")
        return labels[version]

    def _watch(self) -> None:
        while not self._stopping.wait(self._poll_seconds):
            try:
                self.poll()
            except OSError as error:  # a folder was removed while it was listed; the next look finds it whole
                _log.warning("Could not look at base path %s: %s", self.base, error)

    def _available(self) -> dict[int, _Version]:
        return {number: version for number, version in self._versions.items() if version.state == "AVAILABLE"}

    def _load(self, number: int, path: Path) -> None:
        version = self._versions.get(number)
        files = _files(path)
        if version is not None and (version.state == "AVAILABLE" or version.files == files):
            return
        version = _Version(number, files)
        with self._changed:
            self._versions[number] = version
        try:
            model = SavedModel(path)
        except Exception as error:  # whatever a broken folder provokes, the version that serves must go on serving
            # TensorFlow's Python loader gives no code for a file that is not there, or that makes no sense.
            code = "NOT_FOUND" if isinstance(error, OSError) else "INVALID_ARGUMENT"
            code = code_name(error.error_code) if hasattr(error, "error_code") else code
            version.error = StatusError(code, describe_error(error))
            version.state = "END"
            _log.error("Refused version %d of %s at %s: %s", number, self.name, path, version.error)
        else:
            version.model, version.state = model, "AVAILABLE"
            _log.info("Loaded version %d of %s from %s", number, self.name, path)

    def _unload(self, number: int, timeout: float | None = None) -> None:
        with self._changed:
            version = self._versions[number]
            if version.state != "AVAILABLE":
                return
            version.state = "UNLOADING"
            self._changed.wait_for(lambda: version.users == 0, timeout)
            model, version.model, version.files = version.model, None, ()
        if model is not None:
            model.close()
        version.state = "END"
        _log.info("Unloaded version %d of %s", number, self.name)


def _files(path: Path) -> tuple:
    """A version's files, their sizes and times: they change when it is written again."""
    found = []
    for file in sorted(path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            stat = file.stat()
            found.append((str(file.relative_to(path)), stat.st_size, stat.st_mtime_ns))
    return tuple(found)
