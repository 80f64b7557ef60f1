"""List what people corrected, and what became of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from topiclens.pipeline.cli import arguments, output

if TYPE_CHECKING:
    from topiclens.schemas.corrections import Correction

EXAMPLE = "topiclens corrections --state live --root runs/sample"

_SHOWN = 8  # characters of an id: enough to tell it from the others


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", choices=("proposed", "previewed", "in candidate", "refused", "live", "revoked"),
                        help="only corrections in this state")  # fmt: skip
    parser.add_argument("--history", metavar="ID", help="show who did what with one correction, and when")
    arguments.add_json(parser, "one correction a line")
    parser.add_argument("--export", metavar="FILE", help="write the whole ledger as JSON Lines")
    parser.add_argument("--import", dest="incoming", metavar="FILE", help="read an exported ledger into this one")
    arguments.add_refinement(parser)


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.repair.corrections import find_correction, open_recovered_ledger, read_ledger
    from topiclens.schemas.files import write_text

    opened = open_recovered_ledger if options.incoming else read_ledger
    with opened(options.root, arguments.settings_of(options, "refinement").refinement) as ledger:
        if options.incoming:
            with open(options.incoming, "rb") as file:
                print(f"{ledger.import_lines(file)} lines brought something new.")
        if options.export:
            lines = ledger.export_lines()
            write_text(options.export, "".join(f"{line}\n" for line in lines))
            print(f"Wrote {len(lines)} lines to {options.export}")
        if (options.incoming or options.export) and not options.history:
            return 0
        found = [find_correction(ledger, options.history)] if options.history else ledger.corrections(options.state)
    if options.json:
        output.print_json(*(one.to_json() for one in found))
    else:
        print(_tell_history(*found) if options.history else _tell(found))
    return 0


def shorten(ids: Iterable[str]) -> str:
    """Ids of corrections, so much of each as tells it from the others."""
    return " ".join(item[:_SHOWN] for item in ids)


def _tell(corrections: Sequence[Correction]) -> str:
    """A row a correction, oldest first, with its captions."""
    if not corrections:
        return "No corrections. 'topiclens correct VIDEO --topic TOPIC' makes one."
    rows = [
        (one.id[:_SHOWN], one.state.value, one.video_id, one.missed, one.author, f"{one.time:%Y-%m-%d %H:%M}",
         " → ".join(filter(None, (one.caption_before, one.caption_after)))) for one in corrections
    ]  # fmt: skip
    return output.table(("id", "state", "video", "misses", "by", "proposed (UTC)", "captions"), *rows)


def _tell_history(correction: Correction) -> str:
    """Who did what with a correction, and when."""
    lines = [f"Correction {correction.id}: {correction.video_id} misses {correction.missed}"]
    for event in correction.history:
        with_version = f" with version {event.version}" if event.version else ""
        caption = f": {event.caption}" if event.caption else ""
        lines.append(f"{event.time:%Y-%m-%d %H:%M:%S}  {event.state.value}{with_version}, {event.by}{caption}")
    return "\n".join(lines)
