"""Asking a published captioner for captions: clients, an in-process captioner, a local server, containers.

Each module loads TensorFlow or gRPC only when it needs it, so that a command line starts in seconds.
"""
