"""Every setting of the pipeline, once; and the only reader of those that the environment gives.

A setting is named `section.name` everywhere: here, in `--set`, in the README. Settings of the model and of training are
documented where they are defined (:mod:`topiclens.trainer.settings`).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping

from topiclens.components.refinement.settings import RefinementSettings
from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.sampling import EQUAL, Sampling
from topiclens.pipeline.values import SettingError, did_you_mean, fitting, literal
from topiclens.schemas.features import N_FRAMES
from topiclens.serving.review.limits import PageLimits
from topiclens.trainer.settings import CaptionerConfig, TrainingConfig


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """How a dataset folder becomes rows.

    Args:
        layout: `manifest`, `msvd`, `msrvtt` or `flickr8k`; None looks for itself.
        captions_only: whether captions whose clip is missing still help the topics.
        max_rejected_fraction: the share of videos that may be set aside, at ingest and again at the features.
        held_out: split -> the share of the training videos that it gets, for a dataset that holds none out itself; for
            instance `{"val": 0.1, "test": 0.1}`. Segments of one film stay together.
    """

    layout: str | None = None
    captions_only: bool = True
    max_rejected_fraction: float = 0.1
    held_out: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        shares = self.held_out.values()
        if not set(self.held_out) <= {"val", "test"} or not all(share > 0 for share in shares) or sum(shares) >= 1:
            raise SettingError(
                f"data.held_out is {dict(self.held_out)!r}; expected shares of the training videos for val and test, "
                'which leave some to train on: {"val": 0.1, "test": 0.1}.'
            )


@dataclasses.dataclass(frozen=True)
class FeatureSettings:
    """How frames become features.

    Args:
        backbone: `efficientnet_lite0`, `googlenet`, `inception_v1` or `inception_v3`; `none` where the
            dataset brings its features, and then the model serves features alone.
        weights: the backbone's weights: a file, a folder or a URL; see the README's table of backbones.
        feature_dim: width of a feature, to be given where the dataset brings them; None is the backbone's own.
        n_frames: frames a video, at most.
        sampling: which frames: `equal`, the first of each of n_frames equal parts; `centred`, the middle of each;
            `step`, a run from the middle of the video, `step` frames apart; `random_clip`, such a run from anywhere.
        step: frames from one sampled frame to the next, in `step` and `random_clip`.
        videos_per_shard: videos that are finished together; a killed run repeats at most one shard a worker.
        batch_size: frames that pass the network together.
        decoders: processes a worker that decode clips.
        decode_timeout: seconds after which a hanging decoder is stopped and its clip set aside.
    """

    backbone: str = "efficientnet_lite0"
    weights: str | None = None
    feature_dim: int | None = None
    n_frames: int = N_FRAMES
    sampling: str = EQUAL
    step: int = 1
    videos_per_shard: int = 64
    batch_size: int = 32
    decoders: int = 2
    decode_timeout: float = 1800.0


@dataclasses.dataclass(frozen=True)
class VocabularySettings:
    """Which words the captioner may say.

    Args:
        min_count: how often the training captions must hold a word.
    """

    min_count: int = 5


@dataclasses.dataclass(frozen=True)
class DecodingSettings:
    """How captions are written by the exported model.

    Args:
        beam: sentences kept at every word; 1 is greedy.
        max_words: the longest caption.
        length_penalty: exponent of the caption's length that divides its log-probability; 0 keeps the sum.
    """

    beam: int = 5
    max_words: int = 20
    length_penalty: float = 0.0


@dataclasses.dataclass(frozen=True)
class TopicSettings:
    """How topics are found in captions.

    Args:
        n_topics: topics of the model, N_t.
        alpha: pseudo-count of each topic in a document.
        beta: pseudo-count of each word in a topic.
        iterations: of the sampler.
        mh_steps: proposals that a token gets in each visit, M of WarpLDA.
        min_count: how often all training captions together must hold a word.
        max_topics: at most so many topics occur in a video.
        min_share: a topic that holds a smaller share of a video's words does not occur in it.
        governance: the file of what people decided about topics; None is `governance.json` in the root, if it is there.
        previous: a run's root, or a folder of topics, whose topics keep their ids and names where they are found again;
            None is the root's last blessed model, `none` numbers them anew.
    """

    n_topics: int = 100
    alpha: float = 0.2
    beta: float = 0.05
    iterations: int = 600
    mh_steps: int = 2
    min_count: int = 3
    max_topics: int = 3
    min_share: float = 0.03
    governance: str | None = None
    previous: str | None = None


@dataclasses.dataclass(frozen=True)
class JudgeSettings:
    """What a model must reach before it is pushed. The metrics are BLEU-1..4, METEOR, ROUGE-L and CIDEr.

    Args:
        splits: the splits that are judged, where the dataset has them.
        decisive_split: the split that the thresholds hold for.
        minimum: metric -> the least it may be.
        max_drop: metric -> how far it may fall below the last blessed model's.
        allow_unmeasured: whether a threshold on a metric that could not be measured is passed over.
        examples: best and worst captions shown of each split.
    """

    splits: tuple[str, ...] = ("val", "test")
    decisive_split: str = "val"
    minimum: Mapping[str, float] = dataclasses.field(default_factory=lambda: {"CIDEr": 0.05})
    max_drop: Mapping[str, float] = dataclasses.field(default_factory=dict)
    allow_unmeasured: bool = False
    examples: int = 5


@dataclasses.dataclass(frozen=True)
class NeuronSettings:
    """How the neurons of LSTM-I are measured, and what they must reach before it is pushed.

    Args:
        split: the split whose videos measure them; the links are those of `train`.
        detector_auc: a neuron with at least this AUC for its topic is a detector of it.
        deletion_steps: the most neurons that are taken out for a topic.
        effect_videos: the most videos in whose captions topics are deleted and inserted; 0 leaves that out.
        min_detectors: topics that must have a detector.
        max_auc_drop: how far the mean AUC may fall below the last blessed model's; None for any distance.
    """

    split: str = "val"
    detector_auc: float = 0.7
    deletion_steps: int = 5
    effect_videos: int = 100
    min_detectors: int = 0
    max_auc_drop: float | None = None


@dataclasses.dataclass(frozen=True)
class ExplanationSettings:
    """Which held-out videos a run explains, a page each.

    Args:
        split: the split whose videos are explained.
        videos: how many videos at most, evenly from the best caption to the worst; 0 leaves the step out.
    """

    split: str = "val"
    videos: int = 8


@dataclasses.dataclass(frozen=True)
class ReviewSettings:
    """Which clips people review, how the queue is ordered, and what requests may cost (`topiclens review`).

    Args:
        splits: the splits whose clips are in the queue, where the dataset has them.
        neighbours: training videos that look most like a clip, whose topics are suggested for it.
        page_size: rows that a page shows.
        connections: that are open at the same time; a browser opens up to six, and more are told to try again.
        body_seconds: that a form may take to arrive; an upload has a second more for every 256 KiB that it may have.
        max_upload_bytes: the largest clip that may be sent.
        uploads_at_once: clips that are decoded at the same time, each in a process of its own.
        decode_seconds: of processor time for one clip; it may take three times as long by the clock.
        decode_bytes: of memory for one clip, of which Python and FFmpeg take about 150 MiB themselves.
        max_pixels: the most pixels that a frame of a clip that was sent may have.
        max_frames: the most frames that such a clip may have.
    """

    splits: tuple[str, ...] = ("val",)
    neighbours: int = 10
    page_size: int = PageLimits.page_size
    connections: int = PageLimits.connections
    body_seconds: float = PageLimits.body_seconds
    max_upload_bytes: int = PageLimits.max_upload_bytes
    uploads_at_once: int = PageLimits.uploads_at_once
    decode_seconds: int = PageLimits.decode_seconds
    decode_bytes: int = PageLimits.decode_bytes
    max_pixels: int = PageLimits.max_pixels
    max_frames: int = PageLimits.max_frames

    def __post_init__(self):
        for name, most in self._costs().items():
            if not most > 0:
                raise SettingError(f"review.{name} is {most!r}; expected more than 0, or nobody can use the page.")

    def limits(self) -> PageLimits:
        """What the page is told of it."""
        return PageLimits(**self._costs())

    def _costs(self) -> dict:
        costs = {field.name for field in dataclasses.fields(PageLimits)}
        return {name: value for name, value in dataclasses.asdict(self).items() if name in costs}


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """How a run uses the machine.

    Args:
        workers: Beam worker processes; 1 runs in the pipeline's own process.
        seed: of the topics, the model, the order of the data and where random clips begin.
    """

    workers: int = 1
    seed: int = 0


def _choices_of(config: type, followed: Iterable[str]) -> type:
    """A settings class less the fields that follow from other settings or from the data."""
    kept = [
        (field.name, field.type, dataclasses.field(default=field.default))
        for field in dataclasses.fields(config)
        if field.name not in followed
    ]
    name = config.__name__.replace("Config", "Settings")
    named = {"__doc__": config.__doc__, "__module__": __name__}
    return dataclasses.make_dataclass(name, kept, frozen=True, namespace=named)


CaptionerSettings = _choices_of(CaptionerConfig, ("vocabulary_size", "feature_dim", "n_topics", "encoder"))
TrainingSettings = _choices_of(TrainingConfig, ("n_frames", "seed"))


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings, by section."""

    data: DataSettings = DataSettings()
    limits: DecodingLimits = DecodingLimits()
    features: FeatureSettings = FeatureSettings()
    topics: TopicSettings = TopicSettings()
    vocabulary: VocabularySettings = VocabularySettings()
    model: CaptionerSettings = CaptionerSettings()
    training: TrainingSettings = TrainingSettings()
    decoding: DecodingSettings = DecodingSettings()
    judge: JudgeSettings = JudgeSettings()
    neurons: NeuronSettings = NeuronSettings()
    explanations: ExplanationSettings = ExplanationSettings()
    refinement: RefinementSettings = RefinementSettings()
    review: ReviewSettings = ReviewSettings()
    run: RunSettings = RunSettings()

    def changed(self, changes: Iterable[str]) -> Settings:
        """These settings with some of them changed.

        Args:
            changes: `section.name=value` each; a value is a Python or JSON literal, or else text.
        Raises:
            SettingError: there is no such setting, or it cannot have that value.
        """
        settings = self
        for change in changes:
            name, equals, value = change.partition("=")
            section, dot, field = name.strip().partition(".")
            if not (equals and dot):
                raise SettingError(
                    f"Expected section.name=value, got {name.strip()!r}; for instance training.epochs=20."
                )
            settings = settings._with(section, field, literal(value.strip()))
        return settings

    def _with(self, section: str, field: str, value) -> Settings:
        sections = [entry.name for entry in dataclasses.fields(self)]
        if section not in sections:
            raise SettingError(f"There is no section {section!r} of settings. {did_you_mean(section, sections)}")
        current = getattr(self, section)
        names = {entry.name: entry for entry in dataclasses.fields(current)}
        if field not in names:
            raise SettingError(f"There is no setting {section}.{field}. {did_you_mean(field, names)}")
        value = fitting(f"{section}.{field}", getattr(current, field), value)
        try:
            changed = dataclasses.replace(self, **{section: dataclasses.replace(current, **{field: value})})
        except ValueError as error:
            raise SettingError(str(error)) from error
        if section == "training":
            changed.training_config()
        if section == "features":
            changed.sampling_config()
        return changed

    @property
    def feature_dim(self) -> int:
        """The width of a frame's feature.

        Raises:
            SettingError: no backbone and no setting tells it.
        """
        from topiclens.components.features.backbones.registry import DIMS

        dim = self.features.feature_dim or DIMS.get(self.features.backbone)
        if dim is None:
            raise SettingError(
                f"features.backbone is {self.features.backbone!r}, so features.feature_dim must say how wide the "
                f"dataset's features are. (Backbones: {', '.join(DIMS)}.)"
            )
        return dim

    def sampling_config(self) -> Sampling:
        """Which frames of a clip the features step takes, and whoever shows a clip to the model that comes of it."""
        try:
            return Sampling.of(dataclasses.asdict(self.features) | {"seed": self.run.seed})
        except (TypeError, ValueError) as error:
            raise SettingError(str(error)) from error

    def training_config(self) -> TrainingConfig:
        """What the trainer is told: the chosen settings of training and those that follow from others."""
        try:
            return TrainingConfig(
                **dataclasses.asdict(self.training), n_frames=self.features.n_frames, seed=self.run.seed
            )
        except (TypeError, ValueError) as error:
            raise SettingError(str(error)) from error


def ledger_url() -> str | None:
    """The ledger's URL in `TOPICLENS_LEDGER`, which may hold its password; None where nobody set it."""
    return os.environ.get("TOPICLENS_LEDGER") or None


def cache_folder() -> str:
    """Where downloads are kept: `TOPICLENS_CACHE`, or `.cache/downloads` in the current folder."""
    return os.environ.get("TOPICLENS_CACHE", os.path.join(".cache", "downloads"))
