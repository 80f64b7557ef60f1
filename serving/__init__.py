"""Asking a published captioner for captions: clients, an in-process captioner, a local server, containers.

Nothing here is imported eagerly: each module loads TensorFlow, gRPC or Pillow
only when it needs it, so that a command line starts in seconds.
"""
