"""Serving: TensorFlow Serving's configuration, a client, and a local server that speaks its REST and gRPC API."""
