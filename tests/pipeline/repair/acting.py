"""What people do on a root, with the stand-ins of `stand_ins` in place of the model."""

from tests.pipeline.repair import stand_ins
from topiclens.pipeline.repair import proposals, refinements
from topiclens.pipeline.repair.corrections import open_recovered_ledger
from topiclens.pipeline.repair.model_store import ModelStore
from topiclens.schemas.corrections import Correction
from topiclens.serving import model_config


def propose(root, video="v1", **options) -> str:
    (made,) = proposals.propose(root, video, ["dance"], "Ann", model=stand_ins.AskedModel(), **options)
    return made.correction.id


def look(root) -> tuple[Correction, ...]:
    """The corrections of a root, which is put right first."""
    with open_recovered_ledger(root) as ledger:
        return ledger.corrections()


def waiting(root):
    """The candidate of the last refinement, unless it was published or is out of date."""
    look(root)
    return next(reversed(ModelStore(root).read()), None)


def refine(root, **options):
    return refinements.refine(root, "Ben", teacher=stand_ins.teach, **options)


def rollback(root, what):
    return refinements.rollback(root, what, "Cleo", teacher=stand_ins.teach)


def teach(root, *videos) -> tuple[str, ...]:
    """Proposes, refines and publishes; returns the corrections' ids, then the version."""
    ids = [propose(root, video) for video in videos]
    refine(root)
    return *ids, refinements.publish(root, "Ben").version


def states(ledger) -> dict[str, str]:
    return {one.id: one.state.value for one in ledger.corrections()}


def pinned(root):
    return model_config.read_policy(ModelStore(root).config, "topiclens")
