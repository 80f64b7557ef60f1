"""The ledger's events and servings, a sentence each."""

from __future__ import annotations

from topiclens.components.refinement.ledger import Ledger
from topiclens.schemas.corrections import State
from topiclens.serving.review.changes import HistoryEntry

_DID = {
    State.PROPOSED: "said that the caption misses “{topic}”",
    State.PREVIEWED: "saw the caption with “{topic}”",
    State.IN_CANDIDATE: "took “{topic}” into a refinement",
    State.LIVE: "published “{topic}”",
    State.REVOKED: "took back “{topic}”",
}


def list_history(ledger: Ledger) -> list[HistoryEntry]:
    """All that was done, newest first."""
    entries = []
    for one in ledger.corrections():
        for event in one.history:
            said = _DID[event.state].format(topic=one.topic.name)
            caption = f": “{event.caption}”" if event.caption else ""
            entries.append(HistoryEntry(event.time, event.by, said + caption, one.video_id, event.version))
    for serving in ledger.servings():
        back = any(other.version == serving.version for other in ledger.servings()[: serving.number - 1])
        what = f"rolled back to version {serving.version}" if back else f"served version {serving.version}"
        entries.append(HistoryEntry(serving.time, serving.by, what, None, serving.version))
    return sorted(entries, key=lambda entry: entry.time, reverse=True)
