"""Corpora in their own layouts, read as manifest rows.

A layout is a module with `NAME`, `found_in(folder)` and `rows(folder)`; the
rows' paths are relative to the folder. A caption whose clip is not there still
helps the topics and the vocabulary: its row has neither `path` nor `features`.
"""

import pathlib
from collections.abc import Iterator

from topiclens.components.videos import manifest
from topiclens.components.videos.importers import flickr8k, msrvtt, msvd
from topiclens.schemas.json_lines import write_rows

MANIFEST = "manifest.jsonl"
LAYOUTS = (msvd, msrvtt, flickr8k)


def detect_layout(folder: str | pathlib.Path) -> str:
    """Names the layout of a dataset folder: ``manifest`` where it has one, else ``msvd``, ``msrvtt`` or ``flickr8k``.

    Raises:
        ManifestError: the folder is missing, or looks like none of them.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise manifest.ManifestError(f"There is no folder {str(folder)!r}. Which folder holds the clips and captions?")
    if (folder / MANIFEST).is_file():
        return "manifest"
    for layout in LAYOUTS:
        if layout.found_in(folder):
            return layout.NAME
    expected = "; ".join(f"{layout.NAME}: {layout.EXPECTS}" for layout in LAYOUTS)
    raise manifest.ManifestError(
        f"{str(folder)!r} is no dataset that TopicLens knows. Expected {MANIFEST} (see schemas/manifest.schema.json), "
        f"or the layout of a corpus: {expected}."
    )


def rows(folder: str | pathlib.Path, layout: str | None = None, *, captions_only: bool = True) -> Iterator[dict]:
    """Yields the manifest rows of a corpus folder, in the corpus's own order.

    Args:
        folder: the corpus.
        layout: ``msvd``, ``msrvtt`` or ``flickr8k``; None looks for itself.
        captions_only: also give the rows of videos whose clip is not there, as text.
    Raises:
        ManifestError: a file of the corpus is missing or not in its format.
    """
    folder = pathlib.Path(folder)
    name = layout or detect_layout(folder)
    by_name = {module.NAME: module for module in LAYOUTS}
    if name not in by_name:
        raise manifest.ManifestError(f"There is no importer {name!r}; expected one of {', '.join(by_name)}.")
    for row in by_name[name].rows(folder):
        if captions_only or "path" in row or "features" in row:
            yield row


def manifest_of(
    folder: str | pathlib.Path, imported: str | pathlib.Path, *, layout: str | None = None, captions_only: bool = True
) -> pathlib.Path:
    """The manifest of a dataset folder: its own, or one imported from its layout and written to `imported`.

    Either way the rows' paths are relative to `folder`, which ingest takes as the dataset's root.
    """
    folder, imported = pathlib.Path(folder), pathlib.Path(imported)
    if (layout or detect_layout(folder)) == "manifest":
        return folder / MANIFEST
    write_rows(imported, rows(folder, layout, captions_only=captions_only))
    return imported
