"""List the versions of the model, their corrections, and which is served."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from topiclens.pipeline.cli import arguments, output
from topiclens.pipeline.cli.commands.corrections import shorten

if TYPE_CHECKING:
    from topiclens.schemas.corrections import Serving

EXAMPLE = "topiclens versions --root runs/sample"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_refinement(parser)
    arguments.add_json(parser, "one version a line")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.repair import versions
    from topiclens.pipeline.repair.corrections import read_ledger
    from topiclens.pipeline.repair.model_store import ModelStore

    with read_ledger(options.root, arguments.settings_of(options, "refinement").refinement) as ledger:
        recorded, servings = ledger.versions(), ledger.servings()
        carried = {version.version: versions.list_carried(ledger, version.version) for version in recorded}
    there = {str(number) for number in ModelStore(options.root).numbers()}
    if options.json:
        for version in recorded:
            output.print_json({
                "version": version.version, "parent": version.parent, "adds": list(version.corrections),
                "has": list(carried[version.version]), "made": version.time.isoformat(), "by": version.by,
                "served": [one.time.isoformat() for one in servings if one.version == version.version],
                "is_served": servings[-1:] != () and servings[-1].version == version.version,
                "has_folder": version.version in there,
            })  # fmt: skip
    elif not recorded:
        print("No versions. 'topiclens run' trains and pushes one.")
    else:
        rows = [
            (
                version.version,
                version.parent or "trained",
                shorten(version.corrections) or "–",
                str(len(carried[version.version])),
                f"{version.time:%Y-%m-%d %H:%M}",
                version.by,
                _tell_served(version.version, servings) + ("" if version.version in there else "; its folder is gone"),
            )
            for version in recorded
        ]
        print(output.table(("version", "parent", "adds", "has", "made (UTC)", "by", "served (UTC)"), *rows))
    return 0


def _tell_served(version: str, servings: Sequence[Serving]) -> str:
    """When a version was served, and whether it is now."""
    moments = [f"{serving.time:%Y-%m-%d %H:%M}" for serving in servings if serving.version == version]
    now = bool(servings) and servings[-1].version == version
    return ", ".join(moments) + (" (now)" if now else "") if moments else "never"
