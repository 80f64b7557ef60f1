"""Ingest: from a folder of clips and captions to rows that every later step can rely on."""
