"""Settings of earlier versions, and what became of each."""

_CONSTANTS = {
    "limits.max_damaged": "half of the packets", "features.decoders": "2 a worker", "topics.mh_steps": "2",
    "training.plateau_patience": "2 epochs", "training.plateau_factor": "0.5", "training.bucket_batches": "8",
    "training.max_caption_words": "30", "training.val_beam": "1", "training.val_max_words": "20",
    "training.val_batch": "100 videos", "training.cache_gb": "4 GiB", "training.jit_compile": "off",
    "training.log_every_seconds": "30 s", "training.sample_captions": "8", "judge.examples": "5",
    "neurons.detector_auc": "0.7", "neurons.deletion_steps": "5", "refinement.steps": "60", "refinement.seed": "0",
    "refinement.slice_videos": "30", "refinement.min_votes": "3", "review.neighbours": "10", "review.page_size": "24",
    "review.body_seconds": "60 s", "review.uploads_at_once": "2", "review.decode_bytes": "2 GiB",
}  # fmt: skip
_SPLIT = "evaluation.split names the one split that decides; evaluation.report_splits names those that are reported too"
_EVALUATION = "the section judge is called evaluation now"

RETIRED = {
    **{name: f"it is a constant now ({value})" for name, value in _CONSTANTS.items()},
    **dict.fromkeys(("judge.splits", "judge.decisive_split"), _SPLIT),
    **dict.fromkeys(("neurons.split", "explanations.split", "review.splits"), _SPLIT),
    **dict.fromkeys(("judge.minimum", "judge.max_drop", "judge.allow_unmeasured"), _EVALUATION),
    "features.feature_dim": "the width follows from the backbone or from the dataset's features",
    "features.decode_timeout": "it is twice limits.max_decode_seconds",
    "model.told_topics": "it is a constant now (0.5)",
    "training.amsgrad": "Adam uses AMSGrad unless training.schedule is cosine",
    "refinement.relative": "it follows from refinement.neurons: chosen and all are relative, named is not",
    "refinement.optimizer": "L-BFGS is the only optimiser; Adam was worse",
    "refinement.learning_rate": "it was Adam's; L-BFGS finds the length of its steps itself",
    "refinement.allow_unmeasured": "a metric that cannot be measured is not compared with the parent's",
    "review.max_pixels": "limits.max_pixels holds for uploaded clips too",
    "review.max_frames": "limits.max_frames holds for uploaded clips too",
}
