"""Flickr8k-style: a token file (``photo.jpg#0<tab>caption``), lists of photos, and bundles of precomputed features."""

import pathlib
from collections import defaultdict
from collections.abc import Iterator

from topiclens.components.videos.importers import files
from topiclens.components.videos.manifest import ManifestError

NAME = "flickr8k"
TOKENS = "Flickr8k.token.txt"
LISTS = {"Flickr_8k.trainImages.txt": "train", "Flickr_8k.devImages.txt": "val", "Flickr_8k.testImages.txt": "test"}
BUNDLE = "features_{split}.npz"
EXPECTS = f"{TOKENS}, {', '.join(LISTS)} and {BUNDLE}"


def found_in(folder: pathlib.Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / TOKENS).is_file()


def rows(folder: pathlib.Path) -> Iterator[dict]:
    """Yields a row for every listed photo, in the lists' order; text alone where its split has no bundle."""
    captions = defaultdict(list)
    for number, line in files.number_lines(folder / TOKENS):
        key, tab, caption = line.partition("\t")
        if not tab or "#" not in key:
            raise ManifestError(f"{TOKENS}, line {number}: {line[:80]!r}; expected `photo.jpg#0<tab>caption`.")
        captions[key.rsplit("#", 1)[0]].append(caption.strip())
    lists = files.split_lists(folder, LISTS)
    if not lists:
        raise ManifestError(f"{str(folder)!r} has none of {', '.join(LISTS)}, which say what each photo is for.")
    for split, ids in lists:
        bundle = BUNDLE.format(split=split)
        has_bundle = (folder / bundle).is_file()
        for photo in ids:
            features = {"features": f"{bundle}#{photo}"} if has_bundle else {}
            yield {"video_id": photo, **features, "captions": captions.get(photo, []), "split": split}
