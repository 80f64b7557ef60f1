"""What the subcommands of `topiclens` do, each imported when it is asked for."""
