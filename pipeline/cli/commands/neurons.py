"""Show which neurons carry which topic."""

import argparse
import dataclasses

from topiclens.pipeline.cli import arguments, output

EXAMPLE = "topiclens neurons --root runs/sample"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_root(parser)
    arguments.add_json(parser, "the links as the run keeps them")


def run(options: argparse.Namespace) -> int:
    from topiclens.components.neurons.links import TopicLinks, remarks, table_rows
    from topiclens.pipeline import run_metadata

    links = TopicLinks.load(run_metadata.newest(options.root).folder("topiclens.NeuronLinks"))
    if options.json:
        output.print_json(dataclasses.asdict(links), indent=1)
        return 0
    print(output.table(*table_rows(links, neurons_shown=5)))
    print("", *remarks(links), sep="\n")
    return 0
