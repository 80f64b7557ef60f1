"""Charts as pieces of a page: what is drawn is SVG, what is read is HTML, so that text keeps its size on any screen."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from html import escape

from topiclens.components.relevance.explanation import Explanation, NeuronShare, TopicShare
from topiclens.schemas.timelines import TopicScore, TopicTimeline

_FAINTEST = 0.005  # opacity; fainter cells are not drawn
_DASHES = ("", "5 3", "1.5 3")  # of the lines of one chart: they differ without colour too
_TICKS = 4


def clock(seconds: float) -> str:
    """A time within a clip, such as 4.5 s or 1:07."""
    return f"{seconds:.1f}\u00a0s" if seconds < 60 else f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def moments(explanation: Explanation) -> list[str]:
    """What each frame is called: by its time within the clip or, where no time is known, by its number."""
    if explanation.seconds is None:
        return [f"frame\u00a0{number}" for number in range(1, explanation.frames + 1)]
    return [clock(second) for second in explanation.seconds]


def share(value: float) -> str:
    """A share in per cent."""
    digits = 0 if value >= 0.1 else 1 if value >= 0.001 else 3
    return f"{100 * value:.{digits}f}\u00a0%"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a true minus among them."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "\u2212")  # + 0.0: zero has no minus


def heat_map(
    kind: str, words: Sequence[str], rows: Sequence[Sequence[float]], moments: Sequence[str], reach: float
) -> str:
    """Words by frames.

    Args:
        kind: `attention`, in one hue, or `relevance`, red for the word and blue against it.
        words: one a row, beside it.
        rows: of each word, a value a frame.
        moments: what each frame is called.
        reach: the value that has the full colour; it is written on the legend.
    """
    lines, told = [], share if kind == "attention" else functools.partial(signed, digits=3)
    for word, row in zip(words, rows):
        cells = "".join(
            f'<rect x="{i}" width="1" height="1"{_tint(kind, value / reach)}>'
            f"<title>{escape(word)}, {moment}: {told(value)}</title></rect>"
            for i, (value, moment) in enumerate(zip(row, moments))
            if abs(value) / reach >= _FAINTEST
        )
        lines.append(
            f'<span class="label">{escape(word)}</span><svg class="strip" viewBox="0 0 {len(row)} 1" '
            f'preserveAspectRatio="none" aria-hidden="true">{cells}</svg>'
        )
    low = "0\u00a0%" if kind == "attention" else signed(-reach)
    high = share(reach) if kind == "attention" else signed(reach)
    return (
        f'<div class="map {kind}" role="img" aria-label="{kind} of each word over the frames">{"".join(lines)}'
        f'<span class="label"></span>{time_axis(moments)}</div>'
        f'<p class="legend"><span>{low}</span><i class="ramp {kind}"></i><span>{high}</span></p>'
    )


def time_axis(moments: Sequence[str]) -> str:
    """What frames are called, below a chart: first, last, and some between."""
    last = len(moments) - 1
    places = sorted({round(tick * last / (_TICKS - 1)) for tick in range(_TICKS)})
    return '<div class="axis">' + "".join(f"<span>{moments[place]}</span>" for place in places) + "</div>"


def neuron_bars(shares: Sequence[NeuronShare], relevance: bool) -> str:
    """The neurons behind a word, bars to the right where positive and to the left where negative.

    Args:
        shares: the neurons.
        relevance: whether the values are relevance, with a side for the word and one against it; else activations.
    """
    return _bars([(share.name or "no topic", f"neuron {share.neuron}", share.value) for share in shares], relevance)


def topic_share_bars(shares: Sequence[TopicShare]) -> str:
    """The topics behind a word, through all of their neurons: see `neuron_bars`. What has no name is told in words."""
    bars = _bars([(share.name, _count(share.neurons), share.value) for share in shares if share.name is not None], True)
    rest = "".join(
        f"<p>Through {_count(share.neurons)} that no topic names: {signed(share.value)} together.</p>"
        for share in shares
        if share.name is None and share.neurons
    )
    return bars + rest


def _count(neurons: int) -> str:
    return f"{neurons} neuron{'' if neurons == 1 else 's'}"


def _bars(rows: Sequence[tuple[str, str, float]], relevance: bool) -> str:
    reach = max((abs(value) for *_, value in rows), default=0) or 1
    return '<div class="bars">' + "".join(
        f'<span class="name">{escape(name)} <small>{about}</small></span>'
        '<svg class="bar" viewBox="-1 0 2 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{_side(value) if relevance else "topic"}" x="{min(0, value / reach):.3f}" '
        f'width="{abs(value) / reach:.3f}" height="1"/><path class="zero" d="M0 0V1"/></svg>'
        f'<span class="number">{signed(value)}</span>'
        for name, about, value in rows
    ) + "</div>"  # fmt: skip


def topic_bars(topics: Sequence[TopicScore]) -> str:
    """Topic scores, with a mark at 1, where a topic occurs."""
    low = min(0.0, *(topic.score for topic in topics))
    high = max(1.1, *(topic.score for topic in topics))
    return '<div class="bars">' + "".join(
        f'<span class="name">{escape(topic.name)}</span>'
        f'<svg class="bar" viewBox="{low:.3f} 0 {high - low:.3f} 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="topic" x="{min(0, topic.score):.3f}" width="{abs(topic.score):.3f}" height="1"/>'
        '<path class="zero" d="M0 0V1"/><path class="one" d="M1 0V1"/></svg>'
        f'<span class="number">{signed(topic.score)}</span>'
        for topic in topics
    ) + "</div>"  # fmt: skip


def timeline(line: TopicTimeline, moments: Sequence[str], reach: float) -> str:
    """The activations of a topic's neurons over the frames (Dong et al. 2017, Fig. 4).

    Args:
        moments: what each frame is called.
        reach: the activation at the upper edge; its negative is at the lower one, so that charts compare.
    """
    width, edge = max(1, len(moments) - 1), 1.06 * reach  # so that a curve at its reach is drawn whole
    curves, keys = [], []
    for neuron, dashes in zip(line.neurons, _DASHES):
        values = neuron.activations * 2 if len(moments) == 1 else neuron.activations  # a point is no line
        points = " ".join(f"{i},{edge - value:.4f}" for i, value in enumerate(values))
        curves.append(f'<polyline points="{points}" stroke-dasharray="{dashes}"/>')
        keys.append(
            f'<span><svg viewBox="0 0 24 4" aria-hidden="true"><path d="M0 2H24" stroke-dasharray="{dashes}"/></svg>'
            f"neuron {neuron.neuron}</span>"
        )
    return (
        f'<div class="plot {"seen" if line.relevant else "unseen"}"><div class="scale"><span>{signed(reach, 1)}</span>'
        f'<span>0</span><span>{signed(-reach, 1)}</span></div><svg class="curve" viewBox="0 0 {width} {2 * edge:g}" '
        f'preserveAspectRatio="none" role="img" aria-label="activation over time"><path class="zero" '
        f'd="M0 {edge:g}H{width}"/>{"".join(curves)}</svg><span></span>{time_axis(moments)}</div>'
        f'<p class="keys {"seen" if line.relevant else "unseen"}">{"".join(keys)}</p>'
    )


def _side(relevance: float) -> str:
    return "for" if relevance >= 0 else "against"


def _tint(kind: str, strength: float) -> str:
    hue = "" if kind == "attention" else f' class="{_side(strength)}"'
    return f'{hue} fill-opacity="{min(1.0, abs(strength)):.2f}"'
