"""How things are said on the page."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic.dataclasses import dataclass

from topiclens.schemas.corrections import State
from topiclens.serving.review.shown import JobState, RefinementJob, Suggestion


@dataclass(frozen=True)
class Phrase:
    """Words of a caption that stand together, and whether an earlier caption lacked them."""

    text: str
    new: bool


def compare_captions(before: str, after: str) -> list[Phrase]:
    """A caption in phrases, those marked whose words are not in the earlier one in this order."""
    old, new = before.split(), after.split()
    changes = difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes()
    return [Phrase(" ".join(new[start:end]), kind != "equal") for kind, _, _, start, end in changes if end > start]


def moment(time: datetime) -> str:
    """To the minute, in UTC: 3 May 2026, 14:07 UTC."""
    time = time.astimezone(UTC)
    return f"{time.day} {time:%b %Y, %H:%M} UTC"


def heading(markdown: str) -> str:
    """The first line of a text in Markdown, as text."""
    return next((line.lstrip("# ").strip() for line in markdown.splitlines() if line.strip()), "")


def size(count: int) -> str:
    """Bytes in words: whole MiB, or KiB where there are less."""
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count // 2**10} KiB"


def count(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def strongest_frames(relevance: Sequence[float], most: int = 3) -> str:
    """The frames that speak most for a word or against it, counted from 1: 4 +0.41, 9 -0.20."""
    strongest = sorted(enumerate(relevance, start=1), key=lambda frame: -abs(frame[1]))[:most]
    return ", ".join(f"{number} {share:+.2f}" for number, share in strongest)


# Why, and what may be done, by the check that is not met (`topiclens.schemas.verdicts.Reason`).
_NEXT_STEPS = {
    "teachable": ("The model cannot be taught it.", "Say another topic that the clip shows, or leave the caption."),
    "corrected": ("The model did not learn to say it.", "Say {seconds}, or another topic that the clip shows."),
    "kept": ("The caption would lose words that are right.", "Say {seconds}, so that the other frames keep them."),
    "held-out half": ("It helps in no frames but those taught.", "Say {seconds}, or teach it with another such clip."),
    "live": ("An earlier correction would be undone.", "Take that one back if this one matters more, or leave this."),
    "fine": ("A caption that people called fine would get worse.", "Say {seconds}, or leave the caption."),
    "metric": ("Captions of other clips would get worse.", "Teach it with more such clips, or say {seconds}."),
    "neurons": ("Too many neurons would change their topic.", "Teach fewer corrections at once, or leave this."),
}
_LOOK_AGAIN = ("", "Look at the clip again: say {seconds}, or another topic.")


def next_step(check: str, stretched: bool) -> str:
    """Why a correction was refused by a check, and what a person may do; `stretched`: it is of a stretch of time."""
    seconds = "other seconds" if stretched else "from which second to which the clip shows it"
    return " ".join(_NEXT_STEPS.get(check, _LOOK_AGAIN)).strip().format(seconds=seconds)


# What is known against a topic before it is taught, by the check (`topiclens.components.refinement.outlook`).
_OBSTACLES = {
    "teachable": ("No strength brings a word of it into the caption.", "Choose another topic that the clip shows."),
    "kept": ("With it, the caption loses words that are right.", "Choose another{seconds}."),
    "reads well": ("With it, the caption reads badly.", "Choose another{seconds}."),
    "unsaid": ("Hardly anybody who described the clip says what comes in.", "Submit it only if you see it."),
    "unsteady": ("What the model learns may differ from this caption.", "Submit it if that would do{seconds}."),
    "refused": ("The gate refused it for this version.", "Choose another{seconds}."),
}


def tell_obstacle(suggestion: Suggestion, timed: bool) -> str:
    """What speaks against a suggested topic, and what a person may do; empty where nothing does.

    `timed`: it is known when the clip's frames are shown, so that a stretch of it can be said.
    """
    against = "refused" if suggestion.refused else suggestion.obstacle
    seconds = ", or say from which second to which the clip shows it" if timed else ""
    return " ".join(_OBSTACLES[against]).format(seconds=seconds) if against else ""


def time_left(seconds: float | None) -> str:
    """How much longer something takes, no more exactly than that can be known."""
    if seconds is None:
        return "how much longer it takes is not known"
    if seconds < 10:
        return "a few seconds left"
    if seconds < 55:
        return f"about {10 * math.ceil(seconds / 10)} s left"
    if seconds < 90:
        return "about a minute left"
    if seconds < 270:
        return "a few minutes left"
    if seconds < 3300:
        return f"about {5 * round(seconds / 300)} minutes left"
    return "an hour or more left"


def job_state(job: RefinementJob) -> str:
    """How far a refinement has come, in words."""
    if job.cancelled_by:
        return f"{'Being cancelled' if job.state is JobState.RUNNING else JOB_STATES[job.state]} by {job.cancelled_by}"
    return JOB_STATES[job.state]


STATES = {
    State.PROPOSED: "proposed",
    State.PREVIEWED: "ready",
    State.IN_CANDIDATE: "in a refinement",
    State.REFUSED: "refused",
    State.LIVE: "live",
    State.REVOKED: "taken back",
}
JOB_STATES = {
    JobState.RUNNING: "Under way",
    JobState.BLESSED: "Passed the gate",
    JobState.REFUSED: "Refused by the gate",
    JobState.FAILED: "Failed",
    JobState.BROKEN_OFF: "Broken off",
    JobState.CANCELLED: "Cancelled",
    JobState.PUBLISHED: "Published",
    JobState.ROLLED_BACK: "Published, and rolled back since",
    JobState.SUPERSEDED: "Overtaken by a later one",
}
# What was just done, by the name that the address carries after a form was sent.
DONE = {
    "proposed": "Noted. The correction is in the ledger and waits for the next refinement.",
    "fine": "Noted: that caption is fine. Here is the next clip.",
    "unsure": "Noted: you are unsure of that caption. Here is the next clip.",
    "skip": "Skipped. Here is the next clip.",
    "assigned": "These clips are shared out.",
    "all-looked-at": "Noted. That was the last of these clips that you had not looked at.",
    "refused-before": "The gate refused this already. The page of corrections says why; tick it there to try it again.",
    "kept": "The clip is kept, and is in the queue. This is what the served model says of it.",
    "written": "Your caption is kept. What it says and the model does not is suggested below.",
    "unwritten": "The written caption is taken back. It can be put back.",
    "rewritten": "The written caption is there again.",
    "withdrawn": "The correction is taken back. It can be put back.",
    "restored": "The correction is there again.",
    "agreed": "Noted: you say so too.",
    "started": "The refinement has started.",
    "cancelled": "Cancelled: nothing was published, and what it was to learn waits as before.",
    "published": "Published: the new version answers from now on.",
    "rolled-back": "Rolled back: that version answers from now on.",
    "taking-out": "The model is built anew without that correction.",
}
