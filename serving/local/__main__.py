"""``python -m serving.local BASE``: the stand-in for TensorFlow Serving as a command."""

from serving.local.server import main

if __name__ == "__main__":
    main()
