"""Records: the features, captions and topics of each video, joined and written as TFRecords."""
