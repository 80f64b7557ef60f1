"""The words that the captioner may say, from the captions of training videos."""
