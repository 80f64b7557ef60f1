"""Convolutional networks by name, one file each; `registry.load` gives one with its weights."""
