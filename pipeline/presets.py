"""Settings that go together, by name: what `--preset` takes."""

from topiclens.components.features.settings import FeatureSettings
from topiclens.components.topics.settings import TopicSettings
from topiclens.pipeline.settings import SettingError, Settings, did_you_mean
from topiclens.trainer.settings import MLP, CaptionerSettings, DecodingSettings, TrainingSettings, VocabularySettings

# For some thousand videos with a few captions each: without these, a model learns its captions by heart in ten epochs.
_REGULARISED = CaptionerSettings(frame_dropout=0.5, word_dropout=0.3, label_smoothing=0.1)
_TO_ZERO = TrainingSettings(
    epochs=12, patience=0, learning_rate=1e-3, schedule="cosine", warmup_epochs=0.5, average_weights=0.99
)
# The likeliest of all captions is a brief one; ranked by log p / length^0.7 (Wu et al. 2016, section 7) more is said.
_BY_LENGTH = DecodingSettings(length_penalty=0.7)

PRESETS: dict[str, Settings] = {
    # Sixty segments in the repository: everything at a size of minutes.
    "sample": Settings(
        features=FeatureSettings(videos_per_shard=16),
        topics=TopicSettings(n_topics=12, iterations=200, min_count=2),
        vocabulary=VocabularySettings(min_count=2),
        model=CaptionerSettings(
            encoder_units=64, attention_units=64, decoder_units=128, embedding_units=64, topic_units=64
        ),
        training=TrainingSettings(epochs=40, patience=10, learning_rate=2e-3, batch_captions=50),
    ),
    # 6,000 photos with the features of 28 regions each.
    "flickr8k": Settings(
        features=FeatureSettings(backbone="none"), model=_REGULARISED, training=_TO_ZERO, decoding=_BY_LENGTH
    ),
    # YouTubeClips: 28 frames a clip through the network of the paper, whose file features.weights must name.
    "msvd": Settings(
        features=FeatureSettings(backbone="googlenet"), model=_REGULARISED, training=_TO_ZERO, decoding=_BY_LENGTH
    ),
    # The sizes, the optimiser and the f of the paper's authors.
    "paper": Settings(
        features=FeatureSettings(backbone="inception_v1"),
        model=CaptionerSettings(decoder_units=3518, embedding_units=468, topics=MLP, interpretive_weight=0.1),
        training=TrainingSettings.paper(),
    ),
}


def preset(name: str) -> Settings:
    """The settings of a preset; SettingError where there is none of that name."""
    if name not in PRESETS:
        raise SettingError(f"There is no preset {name!r}. {did_you_mean(name, PRESETS)}")
    return PRESETS[name]
