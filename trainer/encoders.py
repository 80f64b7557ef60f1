"""Which encoders there are, by the name that a captioner's configuration holds."""

from collections.abc import Callable

from topiclens.trainer.bilstm_encoder import BiLstmEncoder
from topiclens.trainer.encoder import Encoder
from topiclens.trainer.settings import CaptionerConfig

MakeEncoder = Callable[[CaptionerConfig], Encoder]


def _bilstm(config: CaptionerConfig) -> Encoder:
    return BiLstmEncoder(config.encoder_units, config.skip, config.frame_dropout, name="encoder")


_KNOWN: dict[str, MakeEncoder] = {"bilstm": _bilstm}


def register_encoder(name: str, make: MakeEncoder) -> None:
    """Makes an encoder known, so that ``CaptionerConfig(encoder=name)`` trains it and its exports load again.

    Args:
        name: what captioner.json will hold. A program that loads the export registers the same name first.
        make: from a captioner's configuration to a new encoder.
    Raises:
        ValueError: the name belongs to another encoder.
    """
    if _KNOWN.setdefault(name, make) is not make:
        raise ValueError(f"There is an encoder {name!r} already; register this one under another name.")


def make_encoder(config: CaptionerConfig) -> Encoder:
    """A new encoder of the kind that ``config.encoder`` names.

    Raises:
        ValueError: no encoder of that name is registered.
    """
    if config.encoder not in _KNOWN:
        raise ValueError(
            f"The model has the encoder {config.encoder!r}; known are {', '.join(sorted(_KNOWN))}. If it is your own, "
            "call topiclens.trainer.encoders.register_encoder before the model is made or loaded."
        )
    return _KNOWN[config.encoder](config)
