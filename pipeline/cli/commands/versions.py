"""List the versions of the model, their corrections, and which is served."""

import argparse

from topiclens.pipeline.cli import arguments, output
from topiclens.pipeline.cli.commands.corrections import shorten

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
    current, rows = servings[-1].version if servings else None, []
    for version in recorded:
        served = [one.time for one in servings if one.version == version.version]
        is_served, has_folder = version.version == current, version.version in there
        if options.json:
            output.print_json({
                "version": version.version, "parent": version.parent, "adds": list(version.corrections),
                "has": list(carried[version.version]), "made": version.time.isoformat(), "by": version.by,
                "served": [time.isoformat() for time in served], "is_served": is_served, "has_folder": has_folder,
            })  # fmt: skip
        when = (", ".join(f"{time:%Y-%m-%d %H:%M}" for time in served) or "never") + (" (now)" if is_served else "")
        rows.append((
            version.version, version.parent or "trained", shorten(version.corrections) or "–",
            str(len(carried[version.version])), f"{version.time:%Y-%m-%d %H:%M}", version.by,
            when if has_folder else f"{when}; its folder is gone",
        ))  # fmt: skip
    if not recorded and not options.json:
        print("No versions. 'topiclens run' trains and pushes one.")
    elif not options.json:
        print(output.table(("version", "parent", "adds", "has", "made (UTC)", "by", "served (UTC)"), *rows))
    return 0
