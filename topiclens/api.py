"""What `import topiclens` offers. Each function imports what it needs when it is called."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topiclens.components.neurons.links import TopicLink, TopicLinks
    from topiclens.components.topics.fitting import Fit
    from topiclens.components.topics.table import Topic
    from topiclens.components.videos.sampling import Sampling
    from topiclens.pipeline.explaining import ExplainableModel
    from topiclens.pipeline.repair.proposals import Proposal
    from topiclens.pipeline.run_metadata import Outcome
    from topiclens.schemas.records import VideoRecord
    from topiclens.schemas.topic_lookup import NamedTopic
    from topiclens.serving.captioner import LocalCaptioner
    from topiclens.serving.captioning import DrawHeatMaps
    from topiclens.serving.client import CaptionClient
    from topiclens.serving.videos import Clip, TimedClip


class MissingDependency(ImportError):
    """A package that this part of TopicLens needs is not installed; the message says how to install it."""


def load(model: str | os.PathLike[str], *, threads: int = 0, **options: Any) -> LocalCaptioner:
    """Loads a model into this process.

        captioner = topiclens.load("runs/sample")
        captioner.what_if("clip.mp4", {"dance": 1.0})

    Args:
        model: the root of a run, a folder of versions (the one that is served is taken), or one exported model.
        threads: TensorFlow's threads; 0 leaves it to TensorFlow.
        options: `max_batch`, `max_message_bytes` and `n_frames` of `topiclens.serving.captioning.Captioning`.
    Returns:
        A captioner with `caption`, `explain` and `what_if`. It samples video files as its training clips were sampled.
        `explain(video, pixels=True)` draws heat maps over the frames too.
    Raises:
        FileNotFoundError: there is no model.
        topiclens.trainer.exported.ExportError: TopicLens did not export it.
        topiclens.serving.errors.ModelNotLoaded: it cannot be loaded.
    """
    with _installed("topiclens.load runs the model in this process. topiclens.connect asks a served one instead"):
        from topiclens.components.neurons.links import links_of
        from topiclens.components.videos.sampling import Sampling
        from topiclens.serving.captioner import LocalCaptioner
        from topiclens.serving.saved_model import resolve_version
        from topiclens.trainer.exported import read_meta

        directory = resolve_version(model)
        sampling, links = Sampling.of(read_meta(directory)["features"]), links_of(directory)
        known = {"topics": links.topics if links else (), "heat_maps": _draw_heat_maps(str(directory))}
        options = {"reader": lambda path: _read(path, sampling), **known, **options}
        return LocalCaptioner(directory, threads=threads, **options)


def connect(
    address: str,
    model: str = "topiclens",
    *,
    version: int | str | None = None,
    sampling: Sampling | None = None,
    topics: Sequence[NamedTopic] = (),
    **options: Any,
) -> CaptionClient:
    """Opens a client of a model server. Nothing is sent yet.

        client = topiclens.connect("http://127.0.0.1:8501")
        client.caption("clip.mp4")

    Args:
        address: ``grpc://host:8500``, ``http://host:8501``, or ``host:port``, which is gRPC.
        model: the name that the model is served under.
        version: a version's number, or a label such as "stable"; None asks for the newest.
        sampling: how frames are taken from video files; by default as from the model's training clips.
        topics: of the model, in order of their ids; by default the server is asked for them. A model of TopicLens 0.1
            has no names for them: without this argument, use ids.
        options: `timeout` and `retries` of `topiclens.serving.client.CaptionClient`, and those of `load`.
    Raises:
        ValueError: the form of the address is unknown.
    """
    with _installed(f"The address {address} asks over gRPC", extra="client"):
        from topiclens.components.videos.sampling import Sampling
        from topiclens.serving.client import CaptionClient

        def read(path: str | os.PathLike[str]) -> Clip | TimedClip:
            return _read(path, sampling or Sampling.of(client.about().get("features", {})))

        client = CaptionClient(address, model, version=version, reader=read, topics=topics, **options)
        return client


def run(
    preset: str = "sample",
    *,
    root: str,
    data: str | None = None,
    settings: Mapping[str, object] | None = None,
    base_model: str | None = None,
) -> Outcome:
    """Runs the pipeline on this machine, as the command `topiclens run` does: from clips to a served model.

        topiclens.run("msvd", data="clips", root="runs/mine", settings={"training.epochs": 20})
        topiclens.load("runs/mine")

    Args:
        preset: the settings to begin with: `topiclens run --help` lists the presets.
        root: the folder for everything that the run makes. A second run on it does only what has changed.
        data: the folder of the dataset; the preset `sample` has its own.
        settings: changed settings by name: `topiclens settings` lists them all.
        base_model: a run's root, or a Model artifact, to start training from.
    Returns:
        The folders that the run made, and whether the model was pushed (`blessed`).
    Raises:
        topiclens.pipeline.settings.SettingError: there is no such preset or setting, or `data` is missing.
    """
    from topiclens.pipeline import presets
    from topiclens.pipeline.sample.fetch import materialise
    from topiclens.pipeline.settings import SettingError, cache_folder

    chosen = presets.preset(preset).changed(f"{name}={value!r}" for name, value in (settings or {}).items())
    if data is None:
        if preset != "sample":
            raise SettingError(f"The preset '{preset}' needs `data`, the folder of its dataset.")
        data = os.path.join(root, "data")
        materialise(data, cache_folder())
    with _installed("topiclens.run runs the pipeline in this process"):
        from topiclens.pipeline import local_runner

        return local_runner.run(chosen, data=data, root=root, base_model=base_model)


def read_videos(root: str, split: str = "val") -> list[VideoRecord]:
    """The videos of a split (`train`, `val` or `test`) of a run's dataset: their ids, features, captions and topics.

    Raises:
        topiclens.pipeline.run_metadata.NothingThere: no run on this root has made its dataset.
    """
    with _installed("topiclens.read_videos reads TensorFlow's records"):
        from topiclens.pipeline.run_metadata import newest, split_videos

        return split_videos(newest(root), split)


def correct(
    root: str, video: str, topic: int | str, author: str, *, from_s: float | None = None, to_s: float | None = None
) -> Proposal:
    """Records that the caption of a video misses a topic, and what the caption is with the topic.

        topiclens.correct("runs/sample", "park-3", "dog", author="Ann")

    The next refinement (`topiclens refine`, or the review page) teaches the model this correction.

    Args:
        root: of the run.
        video: the id of a video of the run's dataset, or a video file.
        topic: its id or name.
        from_s, to_s: the stretch of the video in which it shows the topic, in seconds from the film's first frame on;
            without them, all of it.
    Returns:
        The correction, and the caption at each strength of the topic.
    Raises:
        topiclens.schemas.topic_lookup.UnknownTopic: the model has no such topic, or several topics may be meant.
        topiclens.pipeline.repair.versions.VersionError: no version of the model is served.
    """
    with _installed("topiclens.correct runs the model in this process"):
        from topiclens.pipeline.repair.proposals import propose
        from topiclens.schemas.stretches import stretch_of

        return propose(root, video, [topic], author, stretch=stretch_of(from_s, to_s))[0]


def fit_topics(captions: Mapping[str, Iterable[str]], n_topics: int = 100, **options: Any) -> Fit:
    """Finds topics in the captions of videos, by latent Dirichlet allocation.

        fit = topiclens.fit_topics({"clip-1": ["a man slices a tomato"], ...}, n_topics=100)
        fit.model.topics                                   # names and words
        fit.labels["clip-1"]                               # the ids of the topics that occur in a video

    Args:
        captions: all captions of each video, by the video's id.
        options: see `topiclens.components.topics.fitting.fit`.
    Raises:
        ValueError: an option is out of its range, or no word of the captions is frequent enough.
    """
    with _installed("topiclens.fit_topics fits in this process"):
        from topiclens.components.topics.documents import content_words
        from topiclens.components.topics.fitting import fit

        documents = {video_id: content_words(of_video) for video_id, of_video in captions.items()}
        return fit(documents, n_topics=n_topics, **options)


def name_neurons(
    model: str | os.PathLike[str],
    records: str | Iterable[VideoRecord],
    topics: Sequence[Topic | TopicLink] | None = None,
) -> TopicLinks:
    """Names the encoder's neurons by topics: prediction difference maximization (Dong et al. 2017, section 3.2).

    Args:
        model: as `load` takes it; it must have learnt topics.
        records: the videos to name the neurons on, or the folder or pattern of their files, such as
            "ROOT/artifacts/*/examples/*/Split-train".
        topics: in order of their ids; by default those that the model names.
    Raises:
        topiclens.components.neurons.activations.NeuronsError: it has no topics or no names of them, or there are no
            videos.
    """
    with _installed("topiclens.name_neurons runs the model in this process"):
        from topiclens.components.neurons import activations
        from topiclens.components.neurons.links import links_of, name_all
        from topiclens.components.neurons.settings import Naming
        from topiclens.schemas.records import files_of, read
        from topiclens.serving.saved_model import resolve_version

        directory = resolve_version(model)
        videos = read(files_of(records)) if isinstance(records, str) else records
        neurons = activations.load(directory)
        found = activations.mean_activations(videos, neurons.encode)
        links = links_of(directory)
        if topics is None:
            if links is None:
                raise activations.NeuronsError(
                    f"The model in {directory} has no names of its topics. Pass `topics`, such as "
                    "`topiclens.fit_topics(...).model.topics`."
                )
            topics = links.topics
        naming = links.naming if links else Naming()
        own = neurons.captioner.config.topic_neurons
        return name_all(found.mean, found.topics, neurons.f, topics, naming, own)[1]


def _read(path: str | os.PathLike[str], sampling: Sampling) -> Clip | TimedClip:
    """The features of a ``.npy`` or ``bundle.npz#id``, or the frames of any other file and their times."""
    from topiclens.components.videos.feature_files import read_features
    from topiclens.components.videos.reader import sample_video
    from topiclens.serving.videos import TimedClip

    name = os.fspath(path)
    if name.endswith(".npy") or ".npz#" in name:
        return read_features(name)
    sampled = sample_video(name, sampling)
    return TimedClip(sampled.frames, sampled.seconds)


def _draw_heat_maps(directory: str) -> DrawHeatMaps:
    """Heat maps by a model's weights, which are loaded for the first clip."""

    @functools.cache
    def model() -> ExplainableModel:
        with _installed("Heat maps need the model's weights in this process"):
            from topiclens.pipeline.explaining import ExplainableModel

            return ExplainableModel(directory)

    return lambda jpegs, words: model().draw(jpegs, words)


@contextlib.contextmanager
def _installed(purpose: str, *, extra: str = "all") -> Iterator[None]:
    """Says what to install where a package is missing, and mutes the news of TensorFlow and Google's packages."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of the end of Python 3.11
            yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "topiclens":
            raise
        raise MissingDependency(
            f"{purpose}. This needs {error.name}, which is not installed: pip install 'topiclens[{extra}]'."
        ) from error
