"""The same captioner with another beam: what is fixed in a SavedModel's graph is fixed anew."""

from __future__ import annotations

from pathlib import Path


def export_with_beam(model: str | Path, directory: str | Path, *, beam: int, backbone=None) -> Path:
    """Exports an exported captioner once more, with another number of captions in play.

    The Keras model is rebuilt from what the export carries with it, so this takes some seconds; the captions then
    come from the copy, by ``LocalCaptioner`` or a server, as from any other.

    Args:
        model: a SavedModel folder, or a base folder of numbered versions (the one that is served is taken).
        directory: where the copy goes; it must not hold anything yet.
        beam: captions in play; 1 is greedy.
        backbone: the frame network, loaded (its name is in captioner.json); without it the copy captions features only.
    Returns:
        ``directory``.
    Raises:
        FileNotFoundError: there is no model.
        topiclens.trainer.export.ExportError: it is no captioner, or the backbone is not its own.
    """
    from topiclens.serving.saved_model import resolve_version
    from topiclens.trainer.export import export_again

    export_again(resolve_version(model), directory, backbone=backbone, beam=beam)
    return Path(directory)
