"""Arguments that several commands take, each defined once."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from topiclens.pipeline.settings import Settings
    from topiclens.schemas.stretches import Stretch

DEFAULT_ROOT = "runs/sample"


def add_root(parser: argparse.ArgumentParser, purpose: str = "the root of the run") -> None:
    parser.add_argument("--root", default=DEFAULT_ROOT, metavar="DIR", help=f"{purpose} (default: %(default)s)")


def at_least_one(text: str) -> int:
    """A number of things, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, not {text!r}")
    return int(text)


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print JSON: {what}")


def add_preset(parser: argparse.ArgumentParser) -> None:
    action = parser.add_argument(
        "--preset", default="sample", help="settings to start from: sample (default), flickr8k, msvd or paper"
    )
    action.completer = _presets  # type: ignore[attr-defined]


def add_changes(parser: argparse.ArgumentParser, of: str = "", metavar: str = "SECTION.NAME=VALUE") -> None:
    """`--set`; `of` says which settings the command takes, where it does not take all."""
    action = parser.add_argument("--set", dest="changes", action="append", default=[], metavar=metavar,
                                 help=f"change one setting{of}; repeat for more")  # fmt: skip
    action.completer = _settings  # type: ignore[attr-defined]


def add_refinement(parser: argparse.ArgumentParser) -> None:
    """Whose model is corrected, and the settings of refinement."""
    add_root(parser)
    add_changes(parser, " of refinement", "refinement.NAME=VALUE")


def add_by(parser: argparse.ArgumentParser, option: str = "--by", purpose: str = "who asks for it") -> None:
    parser.add_argument(option, metavar="NAME", help=f"{purpose} (default: your user name)")


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """How frames are taken of a clip: as the model was trained, unless said otherwise."""
    group = parser.add_argument_group("sampling", "Without these, frames are taken as in the model's training.")
    group.add_argument("--sampling", metavar="POLICY", help="equal, centred, step or random_clip (features.sampling)")
    group.add_argument("--step", type=int, metavar="N", help="frames from one sampled frame to the next")
    group.add_argument("--frames", type=int, metavar="N", help="frames of a clip, at most")


def sampling_of(options: argparse.Namespace) -> dict:
    """The changes that `topiclens.pipeline.exports.sampling_of` takes."""
    return {"policy": options.sampling, "n_frames": options.frames, "step": options.step}


def add_stretch(parser: argparse.ArgumentParser, what: str) -> None:
    """The stretch of the film that is meant; `what` is said of it in the help."""
    for option, end in (("from", "from"), ("to", "up to")):
        parser.add_argument(
            f"--{option}",
            dest=f"{option}_s",
            type=float,
            metavar="SECONDS",
            help=f"{what} {end} this second",
        )


def stretch_of(options: argparse.Namespace) -> Stretch | None:
    """The stretch that was typed; None for the whole video. StretchError: one end alone, or the ends are reversed."""
    from topiclens.schemas import stretches

    return stretches.stretch_of(options.from_s, options.to_s)


def settings_of(options: argparse.Namespace, *sections: str) -> Settings:
    """The settings with what was changed; only in the `sections` that the command takes, where any is named.

    Raises:
        SettingError: a setting is of another section, does not exist or cannot have that value.
    """
    from topiclens.pipeline.settings import SettingError, Settings

    for change in options.changes:
        if sections and change.partition(".")[0] not in sections:
            names = " or ".join(f"{section}.NAME=VALUE" for section in sections)
            raise SettingError(f"This command takes --set {names} only, not {change!r}.")
    return Settings().changed(options.changes)


def user() -> str:
    """The user's name, as the machine knows it."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return "unknown"


def _presets(**_: object) -> Iterator[str]:
    from topiclens.pipeline.presets import PRESETS

    return iter(PRESETS)


def _settings(**_: object) -> Iterator[str]:
    from topiclens.pipeline.settings import Settings, describe_settings

    return (f"{name}=" for name, _value, _meaning in describe_settings(Settings()))
