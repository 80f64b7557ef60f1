"""The documentation follows the code: generated pages are current, links lead somewhere, the README is short."""

import importlib.util
import pathlib
import re
import shlex

import pytest

from topiclens.pipeline.cli.main import make_parser
from topiclens.pipeline.presets import preset

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_says_what_the_code_says(generate):
    assert not generate.stale(), "run 'python docs/generate.py'"


def test_a_page_that_is_behind_the_code_is_found(generate, tmp_path, monkeypatch):
    for page in generate.PAGES:
        (tmp_path / page).write_text((generate.REFERENCE / page).read_text())
    old = tmp_path / "settings.md"
    old.write_text(old.read_text().replace("topics.n_topics", "topics.count"))
    monkeypatch.setattr(generate, "REFERENCE", tmp_path)
    assert list(generate.stale()) == [old]
    assert "topics.n_topics" in generate.stale()[old]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_of_the_code_that_a_page_names_is_there(page):
    folders = r"(?:trainer|components|pipeline|serving|schemas|topiclens|tests|benchmarks)"
    for path in re.findall(rf"`({folders}/[\w/.-]+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_in_a_block_can_be_typed_as_it_stands(page):
    parser = make_parser()
    for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^ *(?:\$ )?topiclens (.+)", re.sub(r" *\\\n *", " ", block), re.MULTILINE):
            typed = shlex.split(line.partition(" > ")[0], comments=True)
            try:
                options = parser.parse_args(typed)
            except SystemExit as ended:
                assert ended.code == 0, line  # --help
                continue
            preset(getattr(options, "preset", "sample")).changed(getattr(options, "changes", ()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_in_a_sentence_is_there(page):
    (commands,) = (action.choices for action in make_parser()._actions if isinstance(action.choices, dict))
    for name, rest in re.findall(r"`topiclens ([a-z]+)([^`]*)`", page.read_text(encoding="utf-8")):
        assert name in commands, name
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= set(commands[name]._option_string_actions), rest


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200
