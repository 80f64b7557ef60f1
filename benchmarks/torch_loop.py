"""The PyTorch half of ``benchmarks/train.py``: a plain soft-attention captioner and its training loop.

It is the usual SA-LSTM (one LSTM, attention over the raw features, words from h alone) with the two improvements that
make it fast: the features are projected once a batch, and a batch holds captions of about one length. It runs in an
environment of its own. For each line of input, a number of batches, it trains and answers with one line of JSON.

    python torch_loop.py FOLDER SIZES_JSON
"""

import json
import os
import random
import sys
import time

import numpy as np
import torch
from torch import nn


class Captioner(nn.Module):
    def __init__(self, vocabulary_size, feature_dim, units, embedding_units, attention_units):
        super().__init__()
        self.units = units
        self.embedding = nn.Embedding(vocabulary_size, embedding_units, padding_idx=0)
        self.frame_projection = nn.Linear(feature_dim, attention_units)
        self.state_projection = nn.Linear(units, attention_units, bias=False)
        self.score = nn.Linear(attention_units, 1, bias=False)
        self.cell = nn.LSTMCell(embedding_units + feature_dim, units)
        self.dropout = nn.Dropout(0.5)
        self.readout = nn.Linear(units, vocabulary_size)

    def forward(self, frames, words):
        """Logits (captions, steps, vocabulary) from frames (captions, time, dim) and words read (captions, steps)."""
        keys = self.frame_projection(frames)
        y = self.embedding(words)
        h = c = frames.new_zeros(len(frames), self.units)
        states = []
        for t in range(words.shape[1]):
            scores = self.score(torch.tanh(keys + self.state_projection(h)[:, None]))
            context = torch.bmm(torch.softmax(scores, dim=1).transpose(1, 2), frames)[:, 0]
            h, c = self.cell(torch.cat([y[:, t], context], dim=1), (h, c))
            states.append(h)
        return self.readout(self.dropout(torch.stack(states, dim=1)))


def batches(lengths, size, rng):
    """Endless batches of caption numbers: captions sorted by length, cut into batches, the batches shuffled."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], rng.random()))
    cut = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
    while True:
        rng.shuffle(cut)
        yield from cut


def main(folder, sizes):
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    frames = np.load(os.path.join(folder, "frames.npy"), mmap_mode="r")
    words = np.load(os.path.join(folder, "words.npy"))  # (captions, longest), BOS w1 .. wk EOS PAD
    video_index = np.load(os.path.join(folder, "video_index.npy"))
    lengths = (words != 0).sum(axis=1)
    model = Captioner(**sizes["model"])
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-4, amsgrad=True)
    chosen = batches(lengths, sizes["batch_captions"], random.Random(0))

    for line in sys.stdin:
        captions, began = 0, time.perf_counter()
        for _ in range(int(line)):
            batch = next(chosen)
            read = torch.from_numpy(words[batch][:, : lengths[batch].max()].astype(np.int64))
            logits = model(torch.from_numpy(frames[video_index[batch]]), read[:, :-1])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), read[:, 1:].flatten(), ignore_index=0)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            captions += len(batch)
        answer = {"captions": captions, "seconds": time.perf_counter() - began, "loss": loss.item()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
