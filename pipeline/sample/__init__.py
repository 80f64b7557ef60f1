"""The embedded sample: short segments of real clips, each described in five captions; `fetch` lays it as a folder.

The captions of `manifest.jsonl` were written for the sample by looking at every segment's frames. `sources.json` says
where each clip comes from and under what licence, and LICENCES.txt says it in words. Held-out segments are other
moments of clips that training sees: the sample shows that every step works, and its scores say no more than that.
"""
