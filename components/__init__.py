"""The steps of the pipeline, one folder each: a pure function, its Beam transforms, a thin TFX component."""
