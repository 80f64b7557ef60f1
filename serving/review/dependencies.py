"""What every endpoint asks of a request: the backend, who asks, and whether they may."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import Depends, Header, Query, Request
from pydantic import Field, StringConstraints
from starlette.datastructures import FormData, UploadFile

from topiclens.schemas.corrections import Opinion
from topiclens.schemas.stretches import Stretch, StretchError, stretch_of
from topiclens.serving.review.access import Person
from topiclens.serving.review.backend import ReviewBackend
from topiclens.serving.review.limits import PageLimits
from topiclens.serving.review.request_limits import Refusal
from topiclens.serving.review.shown import MAX_STRENGTH, ClipState, Described, QueueFilter

CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
MOST_TEXT = 512  # characters of an id or of a search
MOST_TOPICS = 32  # in one what-if or correction
MOST_FIELDS = 2000  # of a form: a batch of corrections has one each

# No control characters: databases and terminals take them for something else than text.
_TEXT = r"^[^\x00-\x1f\x7f]*$"
Id = Annotated[str, StringConstraints(min_length=1, max_length=MOST_TEXT, pattern=_TEXT)]
Search = Annotated[str, StringConstraints(max_length=MOST_TEXT, pattern=_TEXT)]
TopicId = Annotated[int, Field(ge=0, le=999_999_999)]
TopicName = TopicId | Id  # see topiclens.schemas.topic_lookup
_STRENGTH = re.compile(r"strength-([0-9]{1,9})")


def backend_of(request: Request) -> ReviewBackend:
    return request.app.state.backend


def limits_of(request: Request) -> PageLimits:
    return request.app.state.limits


def person_of(request: Request) -> Person:
    return request.state.person


def writer(request: Request, token: Annotated[str, Header(alias=CSRF_HEADER)] = "") -> Person:
    """Who asks for a change. Without a bearer token, the page's own token must come along."""
    if not request.state.by_token and not request.app.state.sessions.owns(request.state.session, token):
        raise Refusal(
            403, f"This needs a bearer token, or the page's own token in {CSRF_HEADER}. Reload the page and try again."
        )
    return request.state.person


TheBackend = Annotated[ReviewBackend, Depends(backend_of)]
TheLimits = Annotated[PageLimits, Depends(limits_of)]
Reader = Annotated[Person, Depends(person_of)]
Writer = Annotated[Person, Depends(writer)]


def form_publisher(person: Reader) -> Person:
    """Who sent a form that only a publisher may send."""
    if not person.publishes:
        raise Refusal(403, f"Only a publisher may do this; {person.name} is a {person.role.value}.")
    return person


def publisher(person: Writer) -> Person:
    return form_publisher(person)


Publisher = Annotated[Person, Depends(publisher)]
FormPublisher = Annotated[Person, Depends(form_publisher)]


async def form_of(request: Request) -> FormData:
    """The form that a page of ours sent; Refusal where it cannot be read, or is not ours."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise Refusal(415, "Expected a form.")
    try:
        form = await request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=limits_of(request).max_body_bytes)
    except (ValueError, LookupError, AttributeError):  # or of an unknown charset
        raise Refusal(400, "This form cannot be read.") from None
    ours = request.app.state.sessions.owns(request.state.session, text(form, CSRF_FIELD, required=False))
    if not ours and not request.state.by_token:
        raise Refusal(403, "This page is from before a restart, or cookies are off. Reload the page and try again.")
    return form


Form = Annotated[FormData, Depends(form_of)]


def text(form: FormData, name: str, required: bool = True) -> str:
    """A field of a form that is text and can be an id."""
    value = form.get(name, "")
    if isinstance(value, UploadFile) or len(value) > MOST_TEXT or not re.match(_TEXT, value):
        raise Refusal(422, f"The field {name!r} cannot be read.")
    if required and not value:
        raise Refusal(422, f"The field {name!r} is missing.")
    return value


def filter_of(
    search: Search = "",
    about: Annotated[TopicId | Literal[""], Query(description="id of a topic that the model sees or misses")] = "",
    reviewer: Search = "",
    state: ClipState | Literal[""] = "",
    assigned: Search = "",
    split: Annotated[Search, Query(description="of the dataset, or `any`; those that are for review where empty")] = "",
    described: Annotated[Described | Literal[""], Query(description="in the dataset, by people")] = "",
) -> QueueFilter:
    """Which clips an address asks for; forms of pages send empty fields where nothing is asked for."""
    about_topic, in_state = None if about == "" else about, ClipState(state) if state else None
    return QueueFilter(
        search, about_topic, reviewer, in_state, assigned, split, Described(described) if described else None
    )


Wanted = Annotated[QueueFilter, Depends(filter_of)]


def filter_in(form: FormData) -> QueueFilter:
    """The same out of a form's fields, which a page keeps for the clip that follows."""
    fields = {name: text(form, name, required=False) for name in QueueFilter().query}
    about, state, described = (fields[name] for name in ("about", "state", "described"))
    if not re.fullmatch("[0-9]{0,9}", about) or state not in ("", *ClipState) or described not in ("", *Described):
        raise Refusal(422, "The filter of the queue cannot be read.")
    return QueueFilter(
        fields["search"],
        int(about) if about else None,
        fields["reviewer"],
        ClipState(state) if state else None,
        fields["assigned"],
        fields["split"],
        Described(described) if described else None,
    )


def people_in(form: FormData) -> list[str]:
    """Names with commas between, each once."""
    return list(dict.fromkeys(filter(None, (name.strip() for name in text(form, "to", required=False).split(",")))))


def opinion_in(form: FormData) -> Opinion:
    try:
        return Opinion(text(form, "opinion"))
    except ValueError:
        raise Refusal(422, f"Expected an opinion of the caption: {', '.join(Opinion)}.") from None


def topics_in(form: FormData) -> list[int]:
    values = form.getlist("topic")
    if not values:
        raise Refusal(422, "No topic is ticked. Tick what the caption misses.")
    if len(values) > MOST_TOPICS or not all(isinstance(v, str) and re.fullmatch("[0-9]{1,9}", v) for v in values):
        raise Refusal(422, f"Expected at most {MOST_TOPICS} topics.")
    return list(dict.fromkeys(int(str(value)) for value in values))


def stretch_in(fields: Mapping[str, str | UploadFile]) -> Stretch | None:
    """The stretch of a clip, out of the fields ``from_s`` and ``to_s``; None, for all of it, where both are empty."""
    try:
        ends = [float(str(value)) if (value := fields.get(name)) else None for name in ("from_s", "to_s")]
    except ValueError:
        raise Refusal(422, "Expected the stretch as seconds of the film, such as 3 and 5.") from None
    try:
        return stretch_of(*ends)
    except StretchError as error:
        raise Refusal(422, str(error)) from None


def strengths_in(query: Mapping[str, str]) -> dict[int, float]:
    """Topic id -> strength, out of the sliders' fields ``strength-ID``; those at 0 are left out."""
    found: dict[int, float] = {}
    for name, value in query.items():
        if match := _STRENGTH.fullmatch(name):
            try:
                strength = float(value)
            except ValueError:
                strength = math.nan
            if not abs(strength) <= MAX_STRENGTH:
                raise Refusal(422, f"A strength must be a number from -{MAX_STRENGTH:g} to {MAX_STRENGTH:g}.")
            if strength:
                found[int(match[1])] = strength
    if len(found) > MOST_TOPICS:
        raise Refusal(422, f"Expected at most {MOST_TOPICS} topics.")
    return found
