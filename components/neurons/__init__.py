"""The neurons of the encoder: which topic each carries, and how well."""
