"""The contracts between steps: feature names, the record, and the curated schemas."""
