"""How much each frame, neuron and pixel speaks for a word of a caption: layer-wise relevance propagation."""
