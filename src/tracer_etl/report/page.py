"""Facts -> the page: every number is worded here, in both languages, and laid out by the template."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from tracer_etl.report import charts, words
from tracer_etl.report.words import DASH, LANGUAGES, day, moment, number, percent, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tracer_etl.report.facts import Facts, Row

RUNGS = ("A1", "S1", "S2", "D5")
TERMS = ("term_any", "term_interval", "term_rr2", "term_umk", "term_field", "term_decent")
Both = dict[str, str]


def render(facts: Facts, title: Mapping[str, str], stamp: str, codebooks: Sequence[str] = ()) -> str:
    """Lay out the page; `codebooks` name the pages beside it."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    package = files("tracer_etl.report")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(package.joinpath("page.html.j2").read_text(encoding="utf-8"))
    style = package.joinpath("style.css").read_text(encoding="utf-8")
    content: dict[str, Any] = {
        "languages": LANGUAGES,
        "say": text,
        "style": Markup(style),  # noqa: S704 - our own file
        "title": {language: title.get(language) or next(iter(title.values())) for language in LANGUAGES},
        "stamp": _both(lambda lang: text("source_stamp", lang, stamp=moment(stamp, lang))),
        "quality": _quality(facts),
        "versions": facts.tables["versions"],
        "codebooks": codebooks,
        "tracer": facts.tracer,
    }
    if facts.tracer:
        content |= _evidence(facts)
    return template.render(content).strip() + "\n"


def _both(write: Callable[[str], str]) -> Both:
    return {language: write(language) for language in LANGUAGES}


def _evidence(facts: Facts) -> dict[str, Any]:
    from markupsafe import Markup

    programmes = sorted({row["programme"] for row in facts.tables["ladder"]} - {""})
    names = {lang: charts.names_of(facts, lang, programmes) for lang in LANGUAGES}
    benchmark = facts.benchmark("employment_to_population") / 100
    drawn: dict[str, Callable[[str], str]] = {
        "ladder": lambda lang: charts.ladder_chart(facts, names[lang], lang),
        "response": lambda lang: charts.response_chart(facts, lang),
        "progress": lambda lang: charts.progress_chart(facts, lang),
    }
    return {
        "headline": _headline(facts, benchmark),
        "rungs": [_rung(facts, key) for key in RUNGS],
        "rung_keys": RUNGS,
        "ladder": [_ladder_row(facts, code, names) for code in ("", *programmes)],
        "income": _both(lambda lang: _counts("income_note", lang, facts.tables["earnings"][0])),
        "response": _response(facts),
        "progress": _progress(facts),
        "bounds": _bounds(facts),
        "terms": [_term(key) for key in TERMS],
        "captions": {
            "ladder": _both(lambda lang: text("ladder_chart", lang, benchmark=percent(benchmark, lang, 1))),
            "response": _both(lambda lang: text("response_chart", lang)),
            "progress": _both(lambda lang: text("progress_chart", lang)),
        },
        "charts": {
            key: {lang: Markup(draw(lang)) for lang in LANGUAGES}  # noqa: S704 - vl-convert escapes
            for key, draw in drawn.items()
        },
    }


def _counts(key: str, language: str, row: Row) -> str:
    return text(key, language, **{name: number(value, language) for name, value in row.items()})


# -- the headline


def _headline(facts: Facts, benchmark: float) -> dict[str, Any]:
    work = facts.rung("A1")
    claim = _both(
        lambda lang: text(
            "claim",
            lang,
            low=number(facts.benchmark("official_low"), lang),
            high=number(facts.benchmark("official_high"), lang),
        )
    )
    sakernas = _both(lambda lang: text("compare_sakernas", lang, benchmark=percent(benchmark, lang, 1)))
    if work["rate"] is None:
        return {
            "title": _both(lambda lang: text("headline_none", lang)),
            "range": _both(lambda lang: text("headline_none_range", lang)),
            "read": [sakernas, claim],
        }
    verdict = "above" if work["low"] > benchmark else "below" if work["high"] < benchmark else "within"
    return {
        "title": _both(lambda lang: text("headline", lang, rate=number(work["rate"] * 100, lang))),
        "range": _both(lambda lang: _range("headline_range", lang, work)),
        "read": [sakernas, _both(lambda lang: text(f"verdict_{verdict}", lang)), claim],
    }


def _range(key: str, language: str, row: Row) -> str:
    low, high = percent(row["low"], language), percent(row["high"], language)
    return text(key, language, low=low, high=high, n=number(row["n"], language))


def _bounds(facts: Facts) -> Both | None:
    """Manski bounds over the eligible frame: nobody, or everybody, of those without an answer works."""
    work, overall = facts.rung("A1"), _overall(facts)
    if work["rate"] is None:
        return None
    frame = overall["frame"] - overall["ne"]
    silent = frame - work["n"]
    return _both(
        lambda lang: text(
            "bounds",
            lang,
            worst=percent(work["met"] / frame, lang),
            best=percent((work["met"] + silent) / frame, lang),
        )
    )


# -- the ladder


def _rung(facts: Facts, key: str) -> dict[str, Any]:
    row = facts.rung(key)
    cell = _cell(row)
    known = row["rate"] is not None
    return {
        "name": _both(lambda lang: text(f"rung_{key}", lang)),
        "rate": cell["rate"],
        "detail": cell["detail"],
        "share": round(row["rate"] * 100, 1) if known else None,
        "low": round(row["low"] * 100, 1) if known else None,
        "width": round((row["high"] - row["low"]) * 100, 1) if known else None,
    }


def _ladder_row(facts: Facts, code: str, names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        "name": _both(lambda lang: names[lang][code]),
        "all": code == "",
        "cells": [_cell(facts.rung(key, code), brief=True) for key in RUNGS],
    }


def _cell(row: Row, *, brief: bool = False) -> dict[str, Any]:
    if row["rate"] is None:
        size = "n < 5" if row["n"] is None else f"n = {row['n']}"
        return {
            "rate": _both(lambda lang: text("hidden", lang)),
            "detail": _both(lambda _: size),
            "thin": True,
        }
    return {
        "rate": _both(lambda lang: percent(row["rate"], lang)),
        "detail": _both(lambda lang: _detail(row, lang, brief)),
        "thin": row["publication"] == "indicative",
    }


def _detail(row: Row, language: str, brief: bool) -> str:
    ends = number(row["low"] * 100, language) + DASH + percent(row["high"], language)
    missing = row["unknown"] and not brief
    unknown = text("unknown", language, unknown=number(row["unknown"], language)) if missing else ""
    return text("of_n", language, range=ends, n=number(row["n"], language), unknown=unknown)


# -- response and progress


def _overall(facts: Facts) -> Row:
    return next(row for row in facts.tables["response"] if row["dimension"] == "overall")


def _response(facts: Facts) -> dict[str, Any]:
    row = _overall(facts)
    target = facts.benchmark("response_target") / 100
    base = row["frame"] - row["ne"]
    reached = row["i"] + row["p"]
    short = -int(-target * base // 1) - reached
    bases = {"coop1": row["i"] + row["p"] + row["r"] + row["o"]}
    programmes = [r for r in facts.tables["response"] if r["dimension"] == "programme"]
    names = {lang: charts.names_of(facts, lang, [r["value"] for r in programmes]) for lang in LANGUAGES}
    return {
        "lead": _both(
            lambda lang: text(
                "response_lead",
                lang,
                reached=number(reached, lang),
                eligible=number(base, lang),
                rr2=percent(row["rr2"], lang, 1),
                target=percent(target, lang),
                judgement=_judgement(short, lang),
            )
        ),
        "rates": [
            {"key": key, "rate": _both(_percent(row[key])), "base": bases.get(key, base)}
            for key in ("rr1", "rr2", "rr4", "con1", "coop1", "ref1")
        ],
        "programmes": [_programme(r, names) for r in programmes],
        "aside": _aside(facts),
        "outcomes": [
            {
                "name": {language: outcome[f"label_{language}"] for language in LANGUAGES},
                "code": outcome["code"],
                "persons": _both(_number(outcome["persons"])),
            }
            for outcome in facts.tables["dispositions"]
        ],
    }


def _aside(facts: Facts) -> Both | None:
    """Say that interviews set aside are missing from the response, as a supervisor can still mend them."""
    aside = sum(row["set_aside"] for row in facts.tables["forms"] if row["form_id"] == "alumni_tracer")
    return _both(lambda lang: text("response_aside", lang, aside=number(aside, lang))) if aside else None


def _percent(share: float | None) -> Callable[[str], str]:
    return lambda language: percent(share, language, 1)


def _programme(row: Row, names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    base = row["frame"] - row["ne"]
    shown = row["rr2"] if base >= 10 else None  # noqa: PLR2004 - specification 2.3 point 6
    code = row["value"] or "none"
    return {"name": _both(lambda lang: names[lang][code]), "rate": _both(_percent(shown)), "base": base}


def _judgement(short: int, language: str) -> str:
    if short <= 0:
        return text("target_met", language)
    return text("target_missed", language, short=number(short, language))


def _progress(facts: Facts) -> Both | None:
    days = facts.field_days
    if not days:
        return None
    stray = sum(row["attempts"] for row in facts.tables["days"]) - sum(row["attempts"] for row in days)
    return _both(lambda lang: _progress_lead(days, stray, lang))


def _progress_lead(days: list[Row], stray: int, language: str) -> str:
    lead = text(
        "progress_lead",
        language,
        interviews=number(sum(row["interviews"] for row in days), language),
        attempts=number(sum(row["attempts"] for row in days), language),
        first=day(days[0]["date"], language),
        last=day(days[-1]["date"], language),
    )
    return f"{lead} {text('progress_stray', language, stray=number(stray, language))}" if stray else lead


# -- quality and words


def _quality(facts: Facts) -> dict[str, Any]:
    forms = facts.tables["forms"]
    totals = {key: sum(row[key] for row in forms) for key in ("landed", "good", "set_aside")}
    pulls = {row["form_id"]: row for row in facts.tables["pulls"]}
    return {
        "lead": _both(
            lambda lang: text(
                "quality_lead",
                lang,
                landed=number(totals["landed"], lang),
                good=number(totals["good"], lang),
                aside=number(totals["set_aside"], lang),
            )
        ),
        "forms": [_form(row, pulls.get(row["form_id"])) for row in forms],
        "rules": [
            {
                "rule": row["rule"],
                "severity": row["severity"],
                "why": {"id": row["why_id"] or row["rule"], "en": row["why_en"] or row["rule"]},
                "count": _both(_number(row["submissions"])),
            }
            for row in facts.tables["rules"]
        ],
    }


def _form(row: Row, pull: Row | None) -> dict[str, Any]:
    counts = [_both(_number(row[key])) for key in ("landed", "good", "set_aside", "warned")]
    return {"form_id": row["form_id"], "cells": [*counts, _both(lambda lang: _proof(pull, lang))]}


def _number(value: float) -> Callable[[str], str]:
    return lambda language: number(value, language)


def _proof(pull: Row | None, language: str) -> str:
    if pull is None:
        return DASH
    count, missing = pull["server_count"], pull["server_count"] - pull["distinct_keys"]
    key = "complete_no" if missing else "complete_yes"
    return text(key, language, count=number(count, language), missing=number(missing, language))


def _term(key: str) -> dict[str, Both]:
    parts = {language: words.catalogue()[key][language].partition("|") for language in LANGUAGES}
    return {
        "name": {language: part[0] for language, part in parts.items()},
        "meaning": {language: part[2] for language, part in parts.items()},
    }
