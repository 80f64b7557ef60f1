"""Names of the features of a record (`topiclens.schemas.records`), and the sizes that every step agrees on."""

VIDEO_ID = "video_id"
SPLIT = "split"
LABEL = "label"
CAPTIONS = "captions"
TOPICS = "topics"
FRAMES = "frames"

SPLITS = ("train", "val", "test")

# Dong et al. 2017, section 3.1: 28 equally spaced frames a video.
N_FRAMES = 28
