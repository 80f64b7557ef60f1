"""The atlas: a page for every topic and every neuron of a model."""

import os

FOLDER = "atlas"  # within that of the neurons' figures
INDEX = os.path.join(FOLDER, "index.html")
