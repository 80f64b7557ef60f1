"""Names of the features of one record, and the sizes that every step agrees on.

A record is one video: its frame features, its captions and its topics, held in
a ``tf.train.SequenceExample`` (see :mod:`topiclens.schemas.records`).
"""

VIDEO_ID = "video_id"
SPLIT = "split"
LABEL = "label"
CAPTIONS = "captions"
TOPICS = "topics"
FRAMES = "frames"

SPLITS = ("train", "val", "test")

# Dong et al. 2017, section 3.1: 28 equally spaced frames a video.
N_FRAMES = 28
