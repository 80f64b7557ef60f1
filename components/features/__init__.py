"""Frame features: equally spaced frames of a video through a convolutional network, as one float32 row a frame."""
