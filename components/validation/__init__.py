"""The check of the records before training: a bad record stops the run, and is named."""
