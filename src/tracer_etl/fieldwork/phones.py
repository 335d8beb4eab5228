"""The phones: who has one, what they may fill in, and the settings that let them in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tracer_etl.errors import Refused, ServerError, StudyError
from tracer_etl.fieldwork.cases import read_csv
from tracer_etl.fieldwork.qr import Badge, collect_settings
from tracer_etl.servers.central_form import project_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tracer_etl.servers.session import Session
    from tracer_etl.study import Crew, Study

SUBMIT = "add_submissions"
"""KoboToolbox's word for the right to send a form in."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A person with a phone: code, name as shown, the forms to fill in, and their account on KoboToolbox."""

    code: str
    name: str
    forms: tuple[str, ...]
    account: str = ""


@dataclass(frozen=True, slots=True)
class Phone:
    """One line of what is there and what would be done; `grants` and `withdrawals` are form_ids."""

    code: str
    name: str
    account: str
    grants: tuple[str, ...] = ()
    withdrawals: tuple[str, ...] = ()
    actor: int | None = None
    revoke: bool = False

    @property
    def todo(self) -> str:
        """Say what would be done."""
        if self.revoke:
            return "revoke"
        parts = [] if self.account != "new" else ["create"]
        parts += [f"+ {form}" for form in self.grants] + [f"- {form}" for form in self.withdrawals]
        return ", ".join(parts) or "nothing"


def holders(study: Study) -> list[Holder]:
    """List everyone who has a phone, in the order of the files; who is in two crews has the forms of both.

    Raises:
        StudyError: no crew is named, a file or a column is missing, a code is empty or a form unknown.
    """
    if not study.crews:
        remedy = "add a [[phones]] table: see docs/reference/study-toml.md"
        raise StudyError("nobody has a phone", where="study.toml", remedy=remedy)
    found: dict[str, Holder] = {}
    for crew in study.crews:
        study.chosen(crew.forms)
        for row in _members(crew):
            code = row[crew.code]
            mine = Holder(code, _called(code, row[crew.label]), crew.forms, row.get(crew.account, ""))
            known = found.get(code, mine)
            forms = tuple(dict.fromkeys(known.forms + mine.forms))
            found[code] = replace(known, forms=forms, account=known.account or mine.account)
    return list(found.values())


def _members(crew: Crew) -> list[dict[str, str]]:
    rows = read_csv(crew.file, "of [[phones]]")
    needed = [crew.code, crew.label, *crew.where, *([crew.account] if crew.account else [])]
    for column in needed:
        if rows and column not in rows[0]:
            raise StudyError(
                f"there is no column {column!r}", where=crew.file.name, remedy="correct [[phones]]"
            )
    members = [row for row in rows if all(row[column] == value for column, value in crew.where.items())]
    for number, row in enumerate(members, 1):
        if not row[crew.code].strip() or " " in row[crew.code]:
            what = f"person {number} has the code {row[crew.code]!r}"
            raise StudyError(what, where=crew.file.name, remedy="give everyone a word as code")
    return members


def _called(code: str, label: str) -> str:
    """Let a name begin with the code, by which it is found again.

    >>> _called("P01", "P01 - Ratna"), _called("P02", "Bagus")
    ('P01 - Ratna', 'P02 - Bagus')
    """
    return label if label.split()[:1] == [code] else f"{code} - {label}"


# -- ODK Central: one app user per person


@dataclass
class AppUsers:
    """The app users of a Central project; one belongs to the person whose code its name begins with."""

    session: Session
    project: str
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    """By code, as last read or made; whoever has one may send."""

    @property
    def path(self) -> str:
        """Give the project's path."""
        return project_path(self.project)

    def plan(self, people: Sequence[Holder]) -> list[Phone]:
        """Compare the people with the app users that have access; those who belong to nobody come last.

        Raises:
            Refused: a form is not on the server, or this account may not manage app users.
        """
        users = [user for user in self.session.json(f"{self.path}/app-users") if user["token"]]
        allowed = self._allowed({form for person in people for form in person.forms})
        by_code: dict[str, dict[str, Any]] = {}
        for user in reversed(users):
            by_code.setdefault((user["displayName"].split() or [""])[0], user)
        self.tokens = {
            person.code: by_code[person.code]["token"] for person in people if person.code in by_code
        }
        mine = {by_code[code]["id"] for code in self.tokens}
        there = [self._phone(person, by_code.get(person.code), allowed) for person in people]
        return there + [
            Phone("", user["displayName"], "not listed", actor=user["id"], revoke=True)
            for user in users
            if user["id"] not in mine
        ]

    def _allowed(self, forms: Iterable[str]) -> Mapping[int, set[str]]:
        """Tell which app user may fill in which of the study's forms."""
        allowed: dict[int, set[str]] = defaultdict(set)
        for form in sorted(forms):
            for user in self.session.json(f"{self._form(form)}/assignments/app-user"):
                allowed[user["id"]].add(form)
        return allowed

    def _form(self, form: str) -> str:
        return project_path(self.project, "forms", form)

    def _phone(self, person: Holder, user: dict[str, Any] | None, allowed: Mapping[int, set[str]]) -> Phone:
        if user is None:
            return Phone(person.code, person.name, "new", person.forms)
        has = allowed.get(user["id"], set())
        grants = tuple(form for form in person.forms if form not in has)
        extra = tuple(sorted(has - set(person.forms)))
        return Phone(person.code, user["displayName"], "there", grants, extra, user["id"])

    def apply(self, phones: Iterable[Phone], *, revoke: bool) -> None:
        """Create and allow what is missing; take away what is too much only where `revoke` says so."""
        for phone in phones:
            if phone.revoke:
                if revoke:
                    self._revoke(phone)
                continue
            actor = phone.actor if phone.actor is not None else self._create(phone)
            for form in phone.grants:
                self.session.send("POST", self._right(form, actor), repeatable=True)
            for form in phone.withdrawals if revoke else ():
                self.session.send("DELETE", self._right(form, actor), repeatable=True)

    def _right(self, form: str, actor: int) -> str:
        return f"{self._form(form)}/assignments/app-user/{actor}"

    def _create(self, phone: Phone) -> int:
        """Make an app user; not tried twice, since every call makes one more."""
        made = self.session.send("POST", f"{self.path}/app-users", json={"displayName": phone.name}).json()
        self.tokens[phone.code] = made["token"]
        return int(made["id"])

    def _revoke(self, phone: Phone) -> None:
        """End the access of an app user; what was sent with it keeps its name."""
        users = self.session.json(f"{self.path}/app-users")
        token = next((user["token"] for user in users if user["id"] == phone.actor), None)
        if token:
            self.session.send("DELETE", f"/v1/sessions/{quote(token, safe='')}")

    def badges(self, people: Iterable[Holder], titles: Mapping[str, str]) -> list[Badge]:
        """Make the codes of everyone who has access; `titles` are what phones call the forms."""
        name = str(self.session.json(self.path)["name"])
        return [
            Badge(
                person.code,
                person.name,
                urlsplit(self.session.base).netloc,
                name,
                tuple(titles.get(form, form) for form in person.forms),
                collect_settings(
                    f"{self.session.base}/v1/key/{self.tokens[person.code]}{self.path[3:]}", name
                ),
            )
            for person in people
            if person.code in self.tokens
        ]


# -- KoboToolbox: accounts somebody else makes


@dataclass(frozen=True, slots=True)
class KoboAccounts:
    """KoboToolbox's users: accounts cannot be made here, only their right to send forms in."""

    session: Session
    assets: Mapping[str, str]
    """form_id -> asset uid."""
    shared: str = ""
    """The account of everyone who has none of their own."""

    def plan(self, people: Sequence[Holder]) -> list[Phone]:
        """Tell who may not yet send in which form.

        Raises:
            StudyError: somebody has no account.
            Refused: this account may not see who has which right.
        """
        may = {
            form: self._senders(form) for form in sorted({form for person in people for form in person.forms})
        }
        return [
            Phone(
                person.code,
                person.name,
                account,
                tuple(form for form in person.forms if account not in may[form]),
            )
            for person in people
            for account in [self.account(person)]
        ]

    def account(self, person: Holder) -> str:
        """Name a person's account.

        Raises:
            StudyError: there is none.
        """
        if account := person.account or self.shared:
            return account
        remedy = "name the column of accounts in [[phones]], or set TRACER_PHONES_USER for one they share"
        raise StudyError(f"{person.name} has no KoboToolbox account", where="[[phones]]", remedy=remedy)

    def _senders(self, form: str) -> set[str]:
        asset = self.session.json(f"/api/v2/assets/{self.assets[form]}/")
        if "permissions" not in asset:
            what, remedy = "who may send it in is not shown to this account", "use the owner's token"
            raise Refused(what, where=form, remedy=remedy)
        return {asset["owner__username"]} | {
            _last(grant["user"]) for grant in asset["permissions"] if _last(grant["permission"]) == SUBMIT
        }

    def apply(self, phones: Iterable[Phone], *, revoke: bool) -> None:
        """Give the right to send in; rights are never taken away here, since other people have some too.

        Raises:
            StudyError: the server knows no such account.
            ServerError: it refuses.
        """
        del revoke
        wanted = dict.fromkeys((form, phone.account) for phone in phones for form in phone.grants)
        for form, account in wanted:
            body = {
                "user": f"{self.session.base}/api/v2/users/{quote(account, safe='')}/",
                "permission": f"{self.session.base}/api/v2/permissions/{SUBMIT}/",
            }
            path = f"/api/v2/assets/{self.assets[form]}/permission-assignments/"
            try:
                self.session.send("POST", path, repeatable=True, json=body)
            except ServerError as error:
                if "Object does not exist" not in error.what:
                    raise
                remedy = "make that account there, or correct TRACER_PHONES_USER or the column of accounts"
                what = f"{self.session.host} knows no account {account}"
                raise StudyError(what, where="[[phones]]", remedy=remedy) from error

    def badges(
        self,
        people: Iterable[Holder],
        titles: Mapping[str, str],
        project: str,
        url: str = "",
        password: str = "",
    ) -> list[Badge]:
        """Make the codes; `titles` are what phones call the forms; without `password` the phone asks for it."""
        server = url.rstrip("/") or self.session.base
        return [
            Badge(
                person.code,
                person.name,
                urlsplit(server).netloc,
                project,
                tuple(titles.get(form, form) for form in person.forms),
                collect_settings(server, project, self.account(person), password),
                self.account(person),
                asks_password=not password,
            )
            for person in people
        ]


def _last(link: str) -> str:
    """Give the name a link ends with.

    >>> _last("https://kf.example.org/api/v2/users/enum1/?format=json")
    'enum1'
    """
    return urlsplit(link).path.rstrip("/").rpartition("/")[2]
