"""Print what makes a shell complete commands, options, presets and settings."""

import argparse

EXAMPLE = 'eval "$(topiclens completion bash)"        # in ~/.bashrc; zsh in ~/.zshrc\n' \
    "  topiclens completion fish > ~/.config/fish/completions/topiclens.fish"  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="your shell")


def run(options: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    print(shellcode(["topiclens"], shell=options.shell))
    return 0
