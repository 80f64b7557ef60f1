"""The captioner: encoder, attention, decoder, losses, decoding, data and training, in backend-neutral Keras 3."""
