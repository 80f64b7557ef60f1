# The image that Kubeflow and Vertex AI run the pipeline's steps in:
#   docker build -f serving/containers/pipeline.Dockerfile -t REGISTRY/topiclens:0.2.0 .
#   topiclens run --preset msvd --data /mnt/msvd --set features.weights=/mnt/bvlc_googlenet.npz \
#     --root gs://BUCKET/topiclens --compile pipeline.json --image REGISTRY/topiclens:0.2.0
FROM python:3.11-slim

# Two small packages come as source alone, and METEOR is Java.
RUN apt-get update && apt-get install -y --no-install-recommends g++ default-jre-headless && rm -rf /var/lib/apt/lists/*

WORKDIR /source
COPY bootstrap.lock requirements.lock ./
RUN python -m pip install --no-cache-dir --require-hashes -r bootstrap.lock \
 && uv pip sync --system --no-cache --require-hashes bootstrap.lock requirements.lock
COPY . .
RUN uv pip install --system --no-cache --no-deps --no-build-isolation .
# Beside the source, Python would import its folder `topiclens` in place of the installed package.
WORKDIR /
ENV TF_CPP_MIN_LOG_LEVEL=2
