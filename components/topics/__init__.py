"""Topics of videos, found in their captions by latent Dirichlet allocation, and which of them occur in each video."""
