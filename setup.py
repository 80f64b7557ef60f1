"""TopicLens: video captioning whose neurons have names."""

import re
from pathlib import Path

from setuptools import find_packages, setup

VERSION = re.search(r'^__version__ = "(.+)"$', Path("topiclens/__init__.py").read_text(encoding="utf-8"), re.M)[1]

# All that a client of a served model needs: an extra cannot take away what the package itself requires.
REQUIRES = ["numpy>=1.26", "pillow>=10", "av>=14"]
CLIENT = ["grpcio>=1.60", "protobuf>=4.22", "matplotlib>=3.8"]

# What each pin is for: TFX 1.16 is the newest release that installs whole, and it was
# tested with TensorFlow 2.16, Keras 3.6, Beam 2.59; its parts still import pkg_resources
# (setuptools < 81) and dill. requirements.lock holds the exact set, with hashes.
ALL = [
    *CLIENT,
    "tensorflow==2.16.2",
    "keras==3.6.0",
    "tf-keras==2.16.0",
    "tensorflow-hub==0.16.1",
    "tensorflow-text==2.16.1",
    "tensorflow-serving-api==2.16.1",
    "tensorboard==2.16.2",
    "tfx==1.16.0",
    "tfx-bsl==1.16.1",
    "tensorflow-data-validation==1.16.1",
    "apache-beam==2.59.0",
    "kfp>=2.7,<3",
    "argcomplete>=3.5,<4",
    "nltk>=3.9",
    "numpy==1.26.4",
    "numba>=0.60",
    "scipy>=1.11",
    "threadpoolctl>=3",
    "jsonschema>=4.20",
    "pycocoevalcap==1.2",
    "sqlalchemy>=2.1,<3",
    "fastapi>=0.115,<1",
    "uvicorn>=0.30,<1",
    "jinja2>=3.1,<4",
    "python-multipart>=0.0.18",
    "dill==0.3.1.1",
    "setuptools<81",
]

FOLDERS = ("pipeline", "trainer", "components", "schemas", "serving")

# The ledger of corrections lies in SQLite unless it is given the URL of a PostgreSQL server.
POSTGRESQL = ["psycopg[binary]>=3.1"]

# Exact, so that everybody sees the same complaints.
LINT = ["mypy==2.4.1", "ruff==0.17.6"]

TEST = [
    *LINT,
    "pytest>=8",
    "pytest-timeout",
    "pytest-xdist",
    "tomotopy>=0.13",
    "nbclient>=0.10",
    "ipykernel>=6",
    "packaging>=23",
    "httpx2>=2",
    "requests>=2",
    "schemathesis>=4",
    "websockets>=12",
    "axe-core-python>=0.1",  # brings axe.min.js, which looks at the pages in a browser
]

setup(
    name="topiclens",
    version=VERSION,
    description="Video captioning whose neurons have names",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.12",
    # The top-level folders are imported as topiclens.trainer and so on: a user's own `trainer` is another package.
    packages=["topiclens", *(f"topiclens.{name}" for name in find_packages(include=[f"{top}*" for top in FOLDERS]))],
    package_dir={"topiclens": "topiclens", **{f"topiclens.{top}": top for top in FOLDERS}},
    include_package_data=True,
    package_data={
        "": ["py.typed", "*.json", "*.jsonl", "*.pbtxt", "*.txt", "*.jpg", "*.png", "*.css", "*.yaml", "*.config"],
        "topiclens.components.atlas": ["templates/*"],
        "topiclens.components.relevance": ["templates/*"],
        "topiclens.serving.review": ["templates/*.html", "static/*"],
    },
    install_requires=REQUIRES,
    extras_require={"client": CLIENT, "all": ALL, "postgresql": POSTGRESQL, "test": [*ALL, *POSTGRESQL, *TEST]},
    entry_points={"console_scripts": ["topiclens = topiclens.pipeline.cli.main:main"]},
)
