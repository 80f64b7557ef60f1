"""Show every setting of a preset, and what it means."""

import argparse
import json
import textwrap

from topiclens.pipeline.cli import arguments, output

EXAMPLE = "topiclens settings --preset paper training"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="a section or a setting, such as training.epochs "
                        "(default: all)")  # fmt: skip
    arguments.add_preset(parser)
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    arguments.add_json(parser, "one setting a line")


def run(options: argparse.Namespace) -> int:
    from topiclens.pipeline.presets import preset
    from topiclens.pipeline.settings import SettingError, Settings, describe_settings, did_you_mean

    chosen = list(describe_settings(Settings() if options.preset == "defaults" else preset(options.preset)))
    names = {name for row in chosen for name in (row[0], row[0].partition(".")[0])}
    for name in options.names:
        if name not in names:
            raise SettingError(f"There is no setting or section {name!r}. {did_you_mean(name, sorted(names))}")
    for name, value, meaning in chosen:
        if options.names and not {name, name.partition(".")[0]} & set(options.names):
            continue
        if options.json:
            output.print_json({"name": name, "value": json.loads(value), "meaning": meaning})
        elif options.markdown:
            print(f"| `{name}` | `{value}` | {meaning} |")
        else:
            print(output.paint(f"{name} = {value}", "bold"))
            print(textwrap.fill(meaning, output.width(), initial_indent="    ", subsequent_indent="    "))
    return 0
