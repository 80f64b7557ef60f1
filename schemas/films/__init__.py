"""What of a video file is its film, how its frames are shown, and when: the same for training, pages and commands."""
