"""A stand-in for TensorFlow Serving, for machines without Docker.

It speaks the part of TensorFlow Serving's public API that TopicLens uses, on
loopback, with TensorFlow's C++ runtime doing the work:

- gRPC ``PredictionService.Predict`` and ``GetModelMetadata``, ``ModelService.GetModelStatus``;
- REST model status, metadata, and ``:predict`` in row and column format;
- versions under a base folder, hot reload, version pinning, its error codes and messages.

It is not TensorFlow Serving: no batching across requests, no classify, regress
or multi-inference, no version labels, no metrics, no TLS. Where it is stricter
(bounded sizes and numbers of requests, shapes checked against the signature) it
says so in the module concerned. For production run the real server:
serving/compose.yaml.
"""
