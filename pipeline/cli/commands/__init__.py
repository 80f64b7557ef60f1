"""The commands of `topiclens`, a file each; see `topiclens.pipeline.cli.main`."""
