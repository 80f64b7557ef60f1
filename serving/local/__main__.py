"""``python -m topiclens.serving.local BASE``: the stand-in for TensorFlow Serving as a command."""

from topiclens.serving.local.server import main

if __name__ == "__main__":
    main()
