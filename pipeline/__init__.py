"""The DAG, its settings, how it is run, and the `topiclens` command."""
