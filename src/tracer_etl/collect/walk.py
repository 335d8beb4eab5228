"""A form, walked from the first question to the last as an enumerator with ODK Collect walks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracer_etl.collect.clock import Clock, Device, Identifiers
from tracer_etl.collect.handlers import (
    Media,
    World,
    install_functions,
    install_media,
    install_preloads,
    install_properties,
)
from tracer_etl.collect.judging import Judged, filtered_itemsets, judge_nodes
from tracer_etl.collect.jvm import JavaObject, form_errors, java, start, stream
from tracer_etl.collect.patch import rename_in_form
from tracer_etl.collect.question import Question, Shape, shape_of
from tracer_etl.collect.random_answers import RandomAnswers
from tracer_etl.errors import FormError

Answers = Mapping[str, Any] | Callable[[Question], object]
"""Answers by question name, or one callable for all questions.

In a mapping a value is a scalar, a list of values to try until the form accepts one (of a select_multiple:
the list of choices), a callable `Question -> value`, or None for blank. The name of a repeat holds a list of
mappings, one per instance; names inside are looked up there first and then further out.
"""

_END, _NEW_REPEAT, _QUESTION, _REPEAT = 1, 2, 4, 16
_OUTCOMES = {1: "required", 2: "constraint"}
_POSITION = re.compile(r"\[\d+\]")
_STEP = re.compile(r"/([^/\[]+)(?:\[(\d+)\])?")
_TRIES = 12
_LONGEST_WALK = 50_000


@dataclass(frozen=True)
class Refusal:
    """An answer the form did not take.

    `reason` is `required`, `constraint`, `choice` (not offered here) or `type` (the widget cannot hold it).
    """

    path: str
    value: object
    reason: str
    message: str = ""


@dataclass(frozen=True)
class Filled:
    """The outcome of one filling.

    Attributes:
        xml: the submission as Collect would send it, or None when the form could not be finalized.
        refusals: every answer the form refused, in order.
        blocked: the question that kept the form from being finalized, if any.
        unused: names in the answers that the form never asked for.
    """

    xml: bytes | None
    refusals: tuple[Refusal, ...] = ()
    blocked: Refusal | None = None
    unused: tuple[str, ...] = ()

    def submission(self) -> bytes:
        """Return the XML.

        Raises:
            FormError: the form was not finalized; the message names the question.
        """
        if self.xml is None:
            stop = self.blocked or Refusal("", None, "unknown")
            raise FormError(
                f"not finalized: {stop.reason} {stop.message}",
                where=stop.path,
                remedy="give an answer the form accepts",
            )
        return self.xml


class Filler:
    """One form, parsed once and filled as often as wanted.

    Args:
        xform: the XForm, as a file or as its bytes.
        media: folder of the form's media files (CSV lists); by default the folder of the XForm.
        name: what to call the form in errors; by default the name of the file.
        language: name of the language to ask in; by default the form's default language.
        time_zone: IANA zone of the phones, one per process.

    Raises:
        StudyError: there is no Java or no JPype.
        FormError: the engine cannot read the form.
    """

    def __init__(
        self,
        xform: Path | bytes,
        media: Path | None = None,
        *,
        name: str = "",
        language: str | None = None,
        time_zone: str = "Asia/Jakarta",
    ) -> None:
        start(time_zone)
        content = xform if isinstance(xform, bytes) else xform.read_bytes()
        self._where = name or ("XForm" if isinstance(xform, bytes) else xform.name)
        self._media = Media(media or (Path() if isinstance(xform, bytes) else xform.parent))
        self._language = language
        self._shapes: dict[str, Shape] = {}
        install_media(self._media)
        patched = rename_in_form(content, self._where)
        with form_errors(self._where):
            self._form = java("org.javarosa.xform.util.XFormUtils").getFormFromInputStream(stream(patched))
            self._blank = self._form.getMainInstance().clone()

    def fill(
        self,
        answers: Answers,
        *,
        clock: Clock,
        identifiers: Identifiers | None = None,
        device: Device | None = None,
    ) -> Filled:
        """Fill the form once and finalize it.

        The clock moves by its pace with every accepted answer; `end` is its last reading.

        Raises:
            FormError: the engine failed, as a phone would have.
        """
        world = World(clock, identifiers or Identifiers(0), device or Device())
        with form_errors(self._where):
            walk = _Walk(self._open(world), answers, world, self._shapes)
            walk.run()
            return walk.finalize()

    def judge(self, answers: Answers, *, clock: Clock, identifiers: Identifiers | None = None) -> Judged:
        """Fill the form with answers it would refuse too, and give its verdict on every node.

        Raises:
            FormError: the engine failed, as a phone would have.
        """
        world = World(clock, identifiers or Identifiers(0), Device())
        with form_errors(self._where):
            controller = self._open(world)
            _Walk(controller, answers, world, self._shapes, heeds=False).run()
            controller.finalizeFormEntry()
            xml = _serialize(self._form)
            return Judged(xml, judge_nodes(self._form, filtered_itemsets(self._form)))

    def _open(self, world: World) -> JavaObject:
        install_media(self._media)
        install_properties(world)
        form = self._form
        form.setInstance(self._blank.clone())
        install_preloads(form, world)
        install_functions(form, self._media, world)
        model = java("org.javarosa.form.api.FormEntryModel")(form)
        controller = java("org.javarosa.form.api.FormEntryController")(model)
        form.initialize(True, java("org.javarosa.core.model.instance.InstanceInitializationFactory")())
        if self._language:
            controller.setLanguage(self._language)
        return controller


@dataclass
class _Walk:
    """One walk through one instance."""

    controller: JavaObject
    answers: Answers
    world: World
    shapes: dict[str, Shape]
    heeds: bool = True
    refusals: list[Refusal] = field(default_factory=list)
    made: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def run(self) -> None:
        model = self.controller.getModel()
        self.controller.jumpToIndex(java("org.javarosa.core.model.FormIndex").createBeginningOfFormIndex())
        for event in self._events():
            if event == _QUESTION:
                self._ask(model, model.getFormIndex())
            elif event == _NEW_REPEAT:
                self._offer_repeat(_path(model.getFormIndex()))
            elif event == _REPEAT:
                self._enter_repeat(model.getFormIndex())

    def _events(self) -> Iterator[int]:
        for _ in range(_LONGEST_WALK):
            event = int(self.controller.stepToNextEvent())
            if event == _END:
                return
            yield event
        raise FormError(
            f"the walk did not end after {_LONGEST_WALK} steps",
            where=_path(self.controller.getModel().getFormIndex()),
            remedy="limit the repeat count",
        )

    def _ask(self, model: JavaObject, index: JavaObject) -> None:
        path = _path(index)
        generic = _POSITION.sub("", path)
        shape = self.shapes.get(generic)
        prompt = model.getQuestionPrompt(index)
        if shape is None:
            shape = self.shapes[generic] = shape_of(prompt)
        if shape.read_only:
            return
        question = Question(path, shape, prompt, self.heeds)
        for value in self._candidates(question):
            if value is None or self._answer(index, question, value):
                break

    def _answer(self, index: JavaObject, question: Question, value: object) -> bool:
        try:
            data = question.data(value)
        except LookupError:
            self.refusals.append(Refusal(question.path, value, "choice"))
            return False
        except (TypeError, ValueError, OverflowError):
            self.refusals.append(Refusal(question.path, value, "type"))
            return False
        outcome = self._save(index, data)
        if outcome:
            self.refusals.append(Refusal(question.path, value, _OUTCOMES[outcome], question.message))
            return False
        self.world.clock.tick()
        return True

    def _save(self, index: JavaObject, data: JavaObject) -> int:
        if self.heeds:
            return int(self.controller.answerQuestion(index, data, True))
        self.controller.saveAnswer(index, data, True)
        return 0

    def _candidates(self, question: Question) -> Iterator[object]:
        value = self.answers if callable(self.answers) else self._look_up(question.path)
        if callable(value):
            yield from (value(question) for _ in range(_TRIES))
        elif isinstance(value, list | tuple) and question.kind not in ("select_multiple", "rank"):
            yield from value
        else:
            yield value

    def _look_up(self, path: str) -> JavaObject:
        name = path.rsplit("/", 1)[-1].partition("[")[0]
        for scope in reversed(list(self._scopes(path))):
            if name in scope:
                self.used.add(name)
                return scope[name]
        return None

    def _scopes(self, path: str) -> Iterator[Mapping[str, Any]]:
        scope = self.answers
        if callable(scope):
            return
        yield scope
        for name, position in _STEP.findall(path):
            instances = _instances(scope.get(name))
            if int(position or 1) <= len(instances):
                self.used.add(name)
                scope = instances[int(position or 1) - 1]
                yield scope

    def _enter_repeat(self, index: JavaObject) -> None:
        path, position = _path(index), int(index.getInstanceIndex())
        here = _without_last_position(path)
        # Forms come with a first instance of every repeat; who has nothing to enter deletes it.
        if self._counts_itself(index) or callable(self.answers) or position < len(self._instances(here)):
            self.made[here] = max(self.made.get(here, 0), position + 1)
        else:
            self.controller.jumpToIndex(self.controller.deleteRepeat(index))

    def _counts_itself(self, index: JavaObject) -> bool:
        group = self.controller.getModel().getForm().getChild(index)
        return bool(group.noAddRemove) or group.getCountReference() is not None

    def _offer_repeat(self, path: str) -> None:
        here = _without_last_position(path)
        present = self.made.get(here, 0)
        if self._wants_more(here, present):
            self.controller.newRepeat()
            self.made[here] = present + 1

    def _wants_more(self, path: str, present: int) -> bool:
        if callable(self.answers):
            return isinstance(self.answers, RandomAnswers) and self.answers.more(present)
        return present < len(self._instances(path))

    def _instances(self, path: str) -> Sequence[Mapping[str, Any]]:
        return _instances(self._look_up(path))

    def finalize(self) -> Filled:
        form = self.controller.getModel().getForm()
        outcome = form.validate()
        if outcome is not None:
            reason = _OUTCOMES.get(int(outcome.outcome), "unknown")
            prompt = self.controller.getModel().getQuestionPrompt(outcome.failedPrompt)
            blocked = Refusal(
                _path(outcome.failedPrompt),
                prompt.getAnswerText(),
                reason,
                str(prompt.getConstraintText() or ""),
            )
            return Filled(None, tuple(self.refusals), blocked, self._unused())
        _name_audit(form)
        self.controller.finalizeFormEntry()
        return Filled(_serialize(form), tuple(self.refusals), None, self._unused())

    def _unused(self) -> tuple[str, ...]:
        names = () if callable(self.answers) else sorted(_names(self.answers))
        return tuple(name for name in names if name not in self.used)


def _path(index: JavaObject) -> str:
    return str(index.getReference().toString(True, False))


def _without_last_position(path: str) -> str:
    return re.sub(r"\[\d+\]$", "", path)


def _instances(value: object) -> Sequence[Mapping[str, Any]]:
    if isinstance(value, list | tuple) and all(isinstance(one, Mapping) for one in value):
        return value
    return ()


def _names(answers: Mapping[str, Any]) -> set[str]:
    nested = (_names(instance) for value in answers.values() for instance in _instances(value))
    return set(answers).union(*nested)


def _name_audit(form: JavaObject) -> None:
    meta = form.getInstance().getRoot().getFirstChild("meta")
    audit = meta.getFirstChild("audit") if meta is not None else None
    if audit is not None:
        audit.setValue(java("org.javarosa.core.model.data.StringData")("audit.csv"))


def _serialize(form: JavaObject) -> bytes:
    profile = form.getSubmissionProfile()
    reference = profile.getRef() if profile is not None else None
    if reference is None:
        reference = java("org.javarosa.model.xform.XPathReference")("/")
    visitor = java("org.javarosa.model.xform.XFormSerializingVisitor")()
    payload = visitor.createSerializedPayload(form.getInstance(), reference)
    return bytes(payload.getPayloadStream().readAllBytes())
