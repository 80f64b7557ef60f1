"""Every setting is documented, in the README too."""

import pathlib

import pytest

from topiclens.pipeline.cli.commands import settings_table
from topiclens.pipeline.settings import Settings

README = pathlib.Path(settings_table.__file__).parents[3] / "README.md"


@pytest.mark.parametrize(("name", "value", "meaning"), list(settings_table.described(Settings())))
def test_every_setting_stands_in_the_readme_as_the_code_has_it(name, value, meaning):
    assert f"| `{name}` | `{value}` | {meaning} |" in README.read_text(encoding="utf-8"), (
        "renew the README's table of settings with 'topiclens settings --preset defaults --markdown'"
    )
