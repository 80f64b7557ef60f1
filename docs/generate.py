"""Writes what the reference takes from the code: `python docs/generate.py`, which `make docs` runs."""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

from topiclens.schemas.tables import markdown_table

REFERENCE = Path(__file__).parent / "reference"


def settings() -> str:
    """A table a section of settings, with the defaults that hold without a preset."""
    from topiclens.pipeline.settings import Settings, describe_settings

    sections: dict[str, list[tuple[str, ...]]] = {}
    for name, value, meaning in describe_settings(Settings()):
        sections.setdefault(name.split(".")[0], []).append((f"`{name}`", f"`{value}`", meaning))
    return "\n\n".join(
        f"## {section}\n\n{inspect.getdoc(type(getattr(Settings(), section))).splitlines()[0]}\n\n"
        + markdown_table(("setting", "default", "meaning"), rows)
        for section, rows in sections.items()
    )


def commands() -> str:
    """Each command's help, as the command prints it on 100 columns."""
    from topiclens.pipeline.cli.main import make_parser

    (subcommands,) = (action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))
    for command in subcommands.choices.values():
        command.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=100)
    return "\n\n".join(
        f"## topiclens {name}\n\n{_block(command.format_help().rstrip())}"
        for name, command in subcommands.choices.items()
    )


def manifest() -> str:
    """A table of the fields of a manifest's row."""
    schema = json.loads(resources.files("topiclens.schemas").joinpath("manifest.schema.json").read_text("utf-8"))
    rows = []
    for name, field in schema["properties"].items():
        kind = " or ".join(f"`{value}`" for value in field["enum"]) if "enum" in field else field["type"]
        required = "yes" if name in schema["required"] else ""
        rows.append((f"`{name}`", kind, required, field.get("description", "")))
    return markdown_table(("field", "type", "required", "meaning"), rows)


def api() -> str:
    """What `import topiclens` offers, and the methods and results of a captioner, from their docstrings."""
    import topiclens
    from topiclens.serving.captioning import Captioning

    functions = ("load", "connect", "read_videos", "correct", "run", "train", "export", "fit_topics", "name_neurons")
    methods = [name for name, _ in inspect.getmembers(Captioning, inspect.isfunction) if not name.startswith("_")]
    return "\n\n".join(
        [
            f"## The package\n\n{_block(inspect.getdoc(topiclens))}",
            *(_function(f"topiclens.{name}", getattr(topiclens, name)) for name in functions),
            f"## A captioner\n\n`load` and `connect` both give one.\n\n{_block(inspect.getdoc(Captioning))}",
            *(_function(f"captioner.{name}", getattr(Captioning, name)) for name in methods),
            "## Results\n\nThey show themselves in a notebook. `to_json()` gives their numbers, `plot()` a figure.",
            *(
                f"### topiclens.{thing.__name__}\n\n{_block(inspect.getdoc(thing))}"
                for thing in (topiclens.Caption, topiclens.ExplainedCaption, topiclens.WhatIf)
            ),
        ]
    )


def _function(name: str, function: Callable) -> str:
    arguments = ", ".join(argument for argument in inspect.signature(function).parameters if argument != "self")
    return f"### {name}\n\n{_block(f'{name}({arguments})', '', inspect.getdoc(function))}"


def _block(*lines: str) -> str:
    return "\n".join(["```text", *lines, "```"])


PAGES = {"python-api.md": api, "settings.md": settings, "commands.md": commands, "manifest.md": manifest}


def stale() -> Mapping[Path, str]:
    """The pages whose content between their marks is behind the code, with what they should say."""
    marks, found = re.compile(r"(<!-- generated: [^>]*-->\n).*?(<!-- end -->)", re.DOTALL), {}
    for name, generate in PAGES.items():
        path, content = REFERENCE / name, generate()
        before = path.read_text(encoding="utf-8")
        after = marks.sub(lambda mark, content=content: f"{mark[1]}\n{content}\n\n{mark[2]}", before)
        if after != before:
            found[path] = after
    return found


if __name__ == "__main__":
    for path, content in stale().items():
        path.write_text(content, encoding="utf-8")
        print(f"{path}: renewed")
