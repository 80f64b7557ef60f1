"""Refinement: what people say a model misses, and the versions of the model that learnt it."""
