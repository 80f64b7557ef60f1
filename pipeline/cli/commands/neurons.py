"""Show which neurons carry which topic."""

import argparse
import dataclasses
import os

from topiclens.pipeline.cli import arguments, output

EXAMPLE = "topiclens neurons --root runs/sample"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_root(parser)
    arguments.add_json(parser, "the links as the run keeps them")


def run(options: argparse.Namespace) -> int:
    from topiclens.components.neurons.links import TopicLinks, remarks, table_rows
    from topiclens.pipeline import run_metadata
    from topiclens.pipeline.exports import LINKS, atlas_of

    links = TopicLinks.load(run_metadata.newest(options.root).folder(LINKS))
    if options.json:
        output.print_json(dataclasses.asdict(links), indent=1)
        return 0
    print(output.table(*table_rows(links, neurons_shown=5)))
    print("", *remarks(links), sep="\n")
    if folder := atlas_of(options.root, links):
        print(f"A page for each topic and each neuron: {os.path.join(folder, 'index.html')}")
    return 0
