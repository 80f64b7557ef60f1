"""Opens the backend of a root: its clips are read, and its served version is asked by way of a model server."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Sequence

from topiclens.components.neurons.links import TopicLinks
from topiclens.components.refinement.acquisition import TopicWords
from topiclens.components.topics.apply_governance import mark_banned
from topiclens.components.topics.model import TopicModel
from topiclens.components.topics.table import Fate, Topic
from topiclens.pipeline import run_metadata
from topiclens.pipeline.exports import frame_features, names_of, sampling_of
from topiclens.pipeline.repair.corrections import open_recovered_ledger
from topiclens.pipeline.review.backend import RefinementContext, RunReviewBackend
from topiclens.pipeline.review.clips import MEASURED, ClipMedia, Clips, read_records
from topiclens.pipeline.review.jobs import Jobs
from topiclens.pipeline.review.outlooks import Outlooks
from topiclens.pipeline.review.ranking import ClipScorer, PredictionCache, Ranking, Similar
from topiclens.pipeline.review.served_model import ServedModel
from topiclens.pipeline.review.uploaded import Extract, UploadedClips
from topiclens.pipeline.review.viewer import ReviewSources, open_version, pick_suggestions
from topiclens.pipeline.run_metadata import split_files
from topiclens.pipeline.settings import SettingError, Settings
from topiclens.pipeline.topic_register import governance_of
from topiclens.schemas.progress import Progress, print_progress
from topiclens.serving.local.server import LocalServer
from topiclens.serving.review.backend import Refused
from topiclens.serving.review.shown import TopicChoice
from topiclens.trainer.exported import read_meta
from topiclens.trainer.vocabulary import SPECIAL_WORDS, Vocabulary

FOLDER = "review"  # of a root: captions of its clips, similar videos, refinements; what is not a refinement is a cache


@contextlib.contextmanager
def open_review_backend(
    root: str, *, server: str | None = None, changes: tuple[str, ...] = (), progress: Progress = print_progress
) -> Iterator[RunReviewBackend]:
    """The backend of a run's root, while the block runs.

    Args:
        root: of a run that pushed a model.
        server: the address of the model server to ask, which serves the root's versions; None starts one here.
        changes: of settings, `section.name=value` each.
    Raises:
        NothingThere: no run came far enough.
        GovernanceError: what was decided about its topics cannot be read.
        ServingError: no version answers.
    """
    settings = Settings().changed(changes)
    outcome = run_metadata.newest(root)
    with open_recovered_ledger(root, settings.refinement):  # puts a crash right, and knows what training pushed
        pass
    with contextlib.ExitStack() as stack:
        if server is None:
            progress("Starting the model server")
            started = stack.enter_context(LocalServer(outcome.serving, grpc_port=0, rest_port=None))
            server = started.grpc_address
        model = TopicModel.load(outcome.folder("topiclens.TopicModel"))
        topics = mark_banned(model.topics, governance_of(settings, root))
        model = dataclasses.replace(model, topics=topics)
        served = stack.enter_context(contextlib.closing(ServedModel(server, model.n_topics)))
        progress(f"Version {served.wait()} answers at {server}")
        uploaded = UploadedClips(root, read_meta(outcome.model)["features"], functools.cache(lambda: _extract(outcome)))
        clips = Clips.of_run(outcome, {MEASURED, settings.evaluation.split}, uploaded)
        progress(f"Reading the clips of {', '.join(clips.for_review)}")
        clips.choose("")
        kept = os.path.join(root, FOLDER)
        sampling = sampling_of(outcome.model)
        links = functools.lru_cache(4)(lambda version: names_of(root, os.path.join(outcome.serving, version))[0])
        sources = ReviewSources(
            clips, ClipMedia(clips, sampling, settings.limits), uploaded, sampling, links,
            functools.lru_cache(4)(lambda version: _vocabulary(os.path.join(outcome.serving, version))),
            functools.lru_cache(4)(lambda version: _naming(os.path.join(outcome.serving, version))),
            functools.lru_cache(4)(functools.partial(_topics, model, links)), TopicWords.of(model),
            {topic.id: _why_closed(topic, topics) for topic in topics if topic.fate is not None},
        )  # fmt: skip
        how = f"{settings.refinement.max_strength:g}-{settings.refinement.strength_factor:g}"
        outlooks = Outlooks(
            os.path.join(kept, "outlooks", how),
            clips,
            lambda version, video_id, topic: open_version(sources, served, version).outlook(
                video_id, topic, settings.refinement
            ),
        )
        scorer = ClipScorer(clips, TopicWords.of(model), functools.partial(_similar, outcome, kept))
        ranking = Ranking(
            scorer,
            clips,
            predictions=lambda version: PredictionCache(os.path.join(kept, "captions"), version, clips),
            explain=served.explain,
            progress=progress,
            outlooks=lambda version, clip: outlooks.until_one_promises(
                version, clip.video_id, [one.topic for one in pick_suggestions(clip.missing, sources.topics(version))]
            ),
        )
        context = RefinementContext(root, Jobs(os.path.join(kept, "jobs")), tuple(changes), settings.refinement)
        name = os.path.basename(os.path.abspath(root))
        ranking.follow(served.version())
        yield RunReviewBackend(context, name, sources, served, ranking, outlooks)


def _topics(model: TopicModel, links: Callable[[str], TopicLinks | None], version: str) -> tuple[TopicChoice, ...]:
    """The topics of a version, with how many neurons carry each."""
    linked = links(version)
    carried = {} if linked is None else {topic.id: len(topic.neurons) for topic in linked.topics}
    return tuple(TopicChoice(topic.id, topic.name, topic.words, carried.get(topic.id, 0)) for topic in model.topics)


def _extract(outcome: run_metadata.Outcome) -> Extract:
    """The network that makes features of pictures, as it is served."""
    try:
        return frame_features(read_meta(outcome.model), outcome.model)
    except (SettingError, RuntimeError, OSError) as error:
        raise Refused(
            "This clip can be captioned and not kept: the network that looks at pictures cannot be loaded here, only "
            "by the model server. Whoever runs the page sees why."
        ) from error


def _vocabulary(folder: str) -> Vocabulary:
    return Vocabulary(read_meta(folder)["vocabulary"][len(SPECIAL_WORDS) :])


def _naming(folder: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(topic.get("naming", ())) for topic in read_meta(folder)["topics"])


def _why_closed(topic: Topic, topics: Sequence[Topic]) -> str:
    """`banned`, `merged into “sea”` or `lost`."""
    if topic.fate is Fate.MERGED and topic.into is not None:
        return f"merged into “{topics[topic.into].name}”"
    return str(topic.fate)


def _similar(outcome: run_metadata.Outcome, folder: str) -> Similar:
    """The training videos by what they look like, kept for the next time."""
    run = os.path.basename(os.path.normpath(outcome.folder("Examples")))
    path = os.path.join(folder, f"similar-{run}.npz")
    if not os.path.exists(path):
        Similar.of(read_records(split_files(outcome, "train"))).save(path)
    return Similar.load(path)
