"""The backend behind the review page, on a run's root: clips, captions by the served model, corrections, versions."""
