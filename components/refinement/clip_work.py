"""The part of the ledger about who looks at which clip: what people think of captions or would write in their place,
and whose clips they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from topiclens.components.refinement import exchange, store
from topiclens.components.refinement.database import Database
from topiclens.components.refinement.rules import LedgerError
from topiclens.schemas.corrections import Assignment, Look, Opinion, WrittenCaption, now


class ClipWork:
    """Looks at captions, written captions and assignments. Of each the last word counts; earlier ones stay in the
    database."""

    def __init__(self, database: Database, now: Callable[[], datetime] = now):
        self._database = database
        self._now = now

    def look(self, *, by: str, video_id: str, version: str, content: str, caption: str, opinion: Opinion) -> Look:
        """Writes down what a person thinks of a caption; see `Look` for the arguments.

        It takes the place of what the person said of the video and version before. The same said again changes nothing.

        Raises:
            LedgerError: a text is empty, too long or of more than one line.
        """
        look = exchange.check_record(Look(by, video_id, version, content, caption, opinion, self._now()))
        with self._database.writing() as connection:
            for known in store.read_looks(connection, look.key):
                if known.says_again(look):
                    return known
            store.append(connection, look)
        return look

    def looks(self) -> tuple[Look, ...]:
        """The looks that count, oldest first: the last of each person, video and version."""
        with self._database.reading() as connection:
            return store.read_looks(connection)

    def write_caption(
        self, *, by: str, video_id: str, version: str, content: str, split: str, text: str
    ) -> WrittenCaption:
        """Writes down a caption as a person would write it; see `WrittenCaption` for the arguments.

        It takes the place of what the person wrote of the video and version before. The same again changes nothing.

        Raises:
            LedgerError: a text is empty, too long or of more than one line.
        """
        written = exchange.check_record(WrittenCaption(by, video_id, version, content, split, text, self._now()))
        with self._database.writing() as connection:
            for known in store.read_written_captions(connection, video_id):
                if known.says_again(written):
                    return known
            store.append(connection, written)
        return written

    def withdraw_caption(self, key: tuple[str, str, str], *, by: str) -> WrittenCaption:
        """Takes back a written caption, by its key; LedgerError where there is none, or it is withdrawn."""
        return self._move_caption(key, by, withdraw=True)

    def restore_caption(self, key: tuple[str, str, str], *, by: str) -> WrittenCaption:
        """Undoes the withdrawal of a written caption, for who wrote or withdrew it.

        LedgerError for others, and where there is none or it is not withdrawn.
        """
        return self._move_caption(key, by, withdraw=False)

    def _move_caption(self, key: tuple[str, str, str], by: str, withdraw: bool) -> WrittenCaption:
        with self._database.writing() as connection:
            known = next((one for one in store.read_written_captions(connection, key[1]) if one.key == key), None)
            if known is None:
                raise LedgerError("There is no such caption.")
            if (known.withdrawn_by is not None) == withdraw:
                told = "taken back already" if withdraw else "not taken back"
                raise LedgerError(f"The caption “{known.text}” is {told}.")
            if not withdraw and by not in (known.by, known.withdrawn_by):
                who = f"{known.withdrawn_by} took back the caption “{known.text}” of {known.by}"
                raise LedgerError(f"{who}; one of them can put it back.")
            moved = exchange.check_record(replace(known, time=self._now(), withdrawn_by=by if withdraw else None))
            store.append(connection, moved)
        return moved

    def written_captions(self) -> tuple[WrittenCaption, ...]:
        """The captions that people wrote, those withdrawn among them: the last of each person, video and version."""
        with self._database.reading() as connection:
            return store.read_written_captions(connection)

    def assign(self, people: Mapping[str, str | None], *, by: str) -> tuple[Assignment, ...]:
        """Writes down who is to look at videos: video id -> a person, or None for nobody. All or none are written.

        Raises:
            LedgerError: a name or an id is empty, too long or of more than one line.
        """
        time = self._now()
        told = [exchange.check_record(Assignment(video_id, to, by, time)) for video_id, to in people.items()]
        with self._database.writing() as connection:
            known = {one.video_id: one.to for one in store.read_assignments(connection)}
            for one in told:
                if known.get(one.video_id) != one.to:
                    store.append(connection, one)
        return tuple(told)

    def assignments(self) -> tuple[Assignment, ...]:
        """Who is to look at which video, by its id: the last word about each."""
        with self._database.reading() as connection:
            return store.read_assignments(connection)
