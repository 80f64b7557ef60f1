"""A person repairs the model: the ledger, refined candidates, and the versions that a root serves."""
