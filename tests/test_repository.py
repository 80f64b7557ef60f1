"""What people find in the repository's own files: one version, a whole licence, commands that exist."""

import hashlib
import re
from pathlib import Path

import yaml

import topiclens

ROOT = Path(__file__).parents[1]


def test_there_is_one_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    newest = re.search(r"^## \[([0-9.]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert citation["version"] == newest[1] == topiclens.__version__


def test_the_citation_has_what_its_format_asks_for():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    for paper in citation["references"]:
        assert {"type", "title", "authors", "year"} <= set(paper)


def test_the_licence_is_the_apache_licence_word_for_word():
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert (
        digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    )  # of apache.org's LICENSE-2.0.txt


def test_hooks_the_workflow_and_the_guide_call_commands_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in (".pre-commit-config.yaml", ".github/workflows/ci.yml", "CONTRIBUTING.md"):
        asked = set(re.findall(r"(?:entry: |run: |`|^)make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE))
        assert asked and asked <= targets, name
