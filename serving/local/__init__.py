"""A stand-in for TensorFlow Serving, for machines without Docker.

It speaks the part of TensorFlow Serving's public API that TopicLens uses, on loopback, by TensorFlow's C++ runtime:

- gRPC ``PredictionService.Predict`` and ``GetModelMetadata``, ``ModelService.GetModelStatus``;
- REST model status, metadata, and ``:predict`` in row and column format;
- versions under a base folder, hot reload, version pinning, its error codes and messages.

It has no batching across requests, no classify, regress or multi-inference, no metrics, no TLS. It bounds the sizes and
numbers of requests, and checks shapes against the signature. For production run the real server: serving/compose.yaml.
"""
