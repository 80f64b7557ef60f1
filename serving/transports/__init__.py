"""The two ways to TensorFlow Serving: gRPC and REST. Timeouts are in seconds, and every failure is a `StatusError`."""
