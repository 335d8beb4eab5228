"""For every written rule: answers that break it and answers that keep it.

A case is (table, rule id, column named in the reason) -> (broken, kept). Both are rows of the table; the
key "+<table>" adds child rows, "^" sets columns of the submission above, "@" names received files.
"""

from __future__ import annotations

from datetime import date
from typing import Any

Answers = dict[str, Any]
A, TRAINING, JOB, CERT = (
    "alumni_tracer",
    "alumni_tracer__training",
    "alumni_tracer__job",
    "alumni_tracer__cert",
)
_JOBS = f"+{JOB}"
_NIK = "nomor saya 3505014101900001 ya"
_GOOD_ID, _BAD_ID = "uuid:0f0e0d0c-0b0a-4908-8706-050403020100", "uuid:12345"
_SKILLS = ["tech", "tool", "k3", "qual", "digi", "comm", "team", "prob", "biz", "disc"]
_QUALITY = ["instr", "mat", "equip", "prac", "dur", "venue", "magang", "assess", "after"]


def _grid(prefix: str, names: list[str], suffix: str, values: str) -> Answers:
    return {f"{prefix}{name}{suffix}": values[i % len(values)] for i, name in enumerate(names)}


def _grids(before: str, after: str, quality: str) -> Answers:
    return {
        **_grid("sk_", _SKILLS, "_before", before),
        **_grid("sk_", _SKILLS, "_after", after),
        **_grid("q_", _QUALITY, "", quality),
    }


def _when(start: str, end: str) -> Answers:
    return {"start": f"{start}+07:00", "end_": f"{end}+07:00"}


_SEASON = _when("2026-01-10 09:00:00", "2026-01-10 09:40:00")
_IDLE = {"act_work": "0", "act_business": "0", "act_family": "0", "act_absent": "0"}

CASES: dict[tuple[str, str, str], tuple[Answers, Answers]] = {
    (A, "S03", "_instance_id"): ({"_instance_id": _BAD_ID}, {"_instance_id": _GOOD_ID}),
    (A, "R01", "consent"): ({"consent": "0", "act_work": "1"}, {"consent": "1", "act_work": "1"}),
    (A, "R03", "start"): (_when("2019-01-01 09:00:00", "2019-01-01 09:40:00"), _SEASON),
    (A, "R05", "birth_year"): (
        {"birth_year": 2009, "reg_train_start": "2023-07-01"},
        {"birth_year": 2000, "reg_train_start": "2025-07-01"},
    ),
    (A, "R06", "phone"): ({"phone": "021555"}, {"phone": "081234567890"}),
    (A, "R07", "suggestion"): ({"suggestion": _NIK}, {"suggestion": "perbanyak praktik, 16 jam"}),
    (A, "R07", "nik_tail"): ({"nik_tail": "12a4"}, {"nik_tail": "1234"}),
    (A, "R08", "hours_usual"): ({"hours_usual": 113}, {"hours_usual": 112}),
    (A, "R08", "hours_actual"): ({"hours_actual": -1}, {"hours_actual": 0}),
    (A, "R08", "hours_all"): ({"hours_all": 121}, {"hours_all": 120}),
    (A, "R09", "hours_all"): ({"hours_all": 85}, {"hours_all": 84}),
    (A, "R10", "pay_net"): ({"pay_net": 2500}, {"pay_net": 100_000}),
    (A, "R11", "pay_net"): (
        {"pay_net": 25_000_000, "today": date(2025, 12, 5)},
        {"pay_net": 25_000_000, "today": date(2026, 1, 5)},
    ),
    (A, "R12", "biz_profit"): (
        {"biz_profit": 3_000_000, "biz_revenue": 2_000_000},
        {"biz_profit": -5, "biz_revenue": 0},
    ),
    (A, "R13", "biz_profit"): (
        {"biz_revenue": 9_000_000, "biz_cost": 1_000_000, "biz_profit": 1_000_000},
        {"biz_revenue": 9_000_000, "biz_cost": 5_000_000, "biz_profit": 4_000_000},
    ),
    (A, "R14", "nps"): ({"nps": 11}, {"nps": 10}),
    (A, "R15", "barriers"): ({"barriers": "0 3"}, {"barriers": "10 3", "support": "0"}),
    (A, "R16", "barrier_main"): (
        {"barriers": "10 3", "barrier_main": "1"},
        {"barriers": "1 3", "barrier_main": "1"},
    ),
    (A, "R17", "aapor_code"): (
        {"aapor_code": "110", "act_work": "1", "emp_bps": "1", "status_emp": "4", "job_since": "0"},
        {
            "aapor_code": "110", "act_work": "1", "emp_bps": "1", "status_emp": "4", "job_since": "0",
            "choose_again": "1", "sat_all": "4",
        },
    ),
    (A, "R18", "desa"): (
        {"kec": "350501", "desa": "3505022001"},
        {"kec": "350502", "desa": "3505022001"},
    ),
    (A, "R19", "job_title"): ({"job_title": "xxxx"}, {"job_title": "barista"}),
    (A, "R20", "hh_size"): ({"marital": "2", "hh_size": 1}, {"marital": "2", "hh_size": 2}),
    (A, "C03", "n_jobs"): (
        {"is_self": "1", "emp_bps": "1", "n_jobs": 1, _JOBS: [{"j_end_reason": "2"}]},
        {"is_self": "1", "emp_bps": "1", "n_jobs": 1, _JOBS: [{"j_end_reason": "1"}]},
    ),
    (A, "C04", "n_jobs"): ({"n_jobs": 2, _JOBS: [{}]}, {"n_jobs": 2, _JOBS: [{}, {}]}),
    (A, "C05", "job_start"): (
        {
            "is_self": "1", "n_jobs": 1, "job_start": date(2025, 6, 1),
            _JOBS: [{"j_end_reason": "1", "j_start": date(2025, 9, 1)}],
        },
        {
            "is_self": "1", "n_jobs": 1, "job_start": date(2025, 6, 1),
            _JOBS: [{"j_end_reason": "1", "j_start": date(2025, 7, 1)}],
        },
    ),
    (A, "C06", "job_since"): (
        {"job_since": "0", "reg_train_end": "2025-07-17", _JOBS: [{"j_start": date(2025, 8, 1)}]},
        {"job_since": "0", "reg_train_end": "2025-07-17", _JOBS: [{"j_start": date(2025, 7, 1)}]},
    ),
    (A, "C07", "job_at_end"): (
        {"job_at_end": "1", "n_jobs": 0, "reg_train_end": "2025-07-17"},
        {
            "job_at_end": "1", "n_jobs": 1, "reg_train_end": "2025-07-17",
            _JOBS: [{"j_start": date(2025, 1, 1)}],
        },
    ),
    (A, "C08", "emp_bps"): (
        {"can_interview": "1", **_IDLE, "emp_bps": "1", "emp_market": "0", "emp_icls": "0"},
        {"can_interview": "1", **_IDLE, "emp_bps": "0", "emp_market": "0", "emp_icls": "0"},
    ),
    (A, "C09", "lf_bps"): ({"lf_bps": "2", "emp_bps": "1"}, {"lf_bps": "2", "emp_bps": "0"}),
    (A, "C10", "status_emp"): (
        {"is_self": "1", "status_emp": "4"},
        {"is_self": "1", "status_emp": "4", "pay_period": "3"},
    ),
    (A, "C11", "pre_income"): ({"pre_work": "1"}, {"pre_work": "1", "pre_income_band": "3"}),
    (A, "C12", "act_absent"): ({**_IDLE, "act_work": "1", "act_absent": "1"}, {**_IDLE, "act_absent": "1"}),
    (A, "C13", "main_act"): ({"main_act": "1", "emp_bps": "0"}, {"main_act": "1", "emp_bps": "1"}),
    (A, "C14", "underemp"): ({"underemp": "1", "hours_all": 35}, {"underemp": "1", "hours_all": 34}),
    (A, "C18", "sk_tech_after"): (_grids("1", "5", "3"), _grids("12", "4", "3")),
    (A, "C20", "biz_start"): (
        {"biz_from_training": "1", "biz_start": date(2025, 7, 1), "reg_train_end": "2025-07-17"},
        {"biz_from_training": "1", "biz_start": date(2025, 8, 1), "reg_train_end": "2025-07-17"},
    ),
    (A, "C21", "live_place"): ({"live_place": "5", "mode": "1"}, {"live_place": "5", "mode": "2"}),
    (A, "C23", "absent_reason"): ({"sex": "1", "absent_reason": "3"}, {"sex": "2", "absent_reason": "3"}),
    (A, "C24", "tg_self"): (
        {"tg_self": "t1", "reg_target_group": "t3"},
        {"tg_self": "t3", "reg_target_group": "t3"},
    ),
    (A, "X07", "match_score"): (
        {"verify_name": "2", "match_score": 3},
        {"verify_name": "1", "match_score": 4},
    ),
    (A, "R04", "end_"): (
        {**_SEASON, "_submitted_at": "2026-01-10 09:29:00+07:00"},
        {**_SEASON, "_submitted_at": "2026-01-10 09:31:00+07:00"},
    ),
    (A, "S05", "training_count"): (
        {"training_count": 2, f"+{TRAINING}": [{}]},
        {"training_count": 1, f"+{TRAINING}": [{}]},
    ),
    (A, "S07", "audit"): (
        {"audit": "audit.csv", "photo_work": "1.jpg", "@": ["audit.csv"]},
        {"audit": "audit.csv", "@": ["audit.csv"]},
    ),
    (CERT, "C15", "cert_received"): (
        {"cert_received": "1", "cert_result": "2"},
        {"cert_received": "1", "cert_result": "1", "cert_number": "12345678"},
    ),
    (JOB, "C02", "j_end"): (
        {"j_start": date(2025, 8, 1), "j_end": date(2025, 7, 1), "j_end_reason": "2", "^": {"today": date(2026, 1, 1)}},
        {"j_start": date(2025, 6, 1), "j_end": date(2025, 7, 1), "j_end_reason": "2", "^": {"today": date(2026, 1, 1)}},
    ),
    (TRAINING, "C01", "tr_start"): (
        {"tr_start": date(2025, 5, 1), "tr_end": date(2026, 1, 2), "^": {"today": date(2026, 1, 1)}},
        {"tr_start": date(2025, 5, 1), "tr_end": date(2025, 6, 1), "^": {"today": date(2026, 1, 1)}},
    ),
    (TRAINING, "C16", "tr_magang_days"): (
        {"tr_start": date(2025, 5, 1), "tr_end": date(2025, 5, 10), "tr_magang_days": 11},
        {"tr_start": date(2025, 5, 1), "tr_end": date(2025, 5, 10), "tr_magang_days": 5},
    ),
    (TRAINING, "C17", "tr_completed"): (
        {"tr_completed": "0", "^": {"reg_certified": "1"}},
        {"tr_completed": "0", "^": {"reg_certified": "0"}},
    ),
    ("applicant_registration", "R07", "ap_why"): ({"ap_prior": _NIK}, {"ap_prior": "kursus"}),
    ("applicant_registration", "R15", "ap_vuln"): ({"ap_vuln": "0 1"}, {"ap_vuln": "0"}),
    ("applicant_registration", "R18", "ap_desa"): (
        {"ap_kec": "350501", "ap_desa": "3505022001"},
        {"ap_kec": "350502", "ap_desa": "3505022001"},
    ),
    ("applicant_registration", "X09", "ap_birth"): (
        {"ap_nik": "3505015203009001", "nik_day": 12, "ap_birth": date(2000, 4, 12)},
        {"ap_nik": "3505015203009001", "nik_day": 12, "ap_birth": date(2000, 3, 12)},
    ),
    ("applicant_registration", "S07", "ap_tg_doc"): (
        {"ap_tg_doc": "1.jpg", "@": ["2.jpg"]},
        {"ap_tg_doc": "1.jpg", "@": ["1.jpg"]},
    ),
    ("backcheck", "R05", "bc_birth_year"): ({"bc_birth_year": 1950}, {"bc_birth_year": 1955}),
    ("employer_needs", "R07", "em_resp"): ({"em_trend": _NIK}, {"em_trend": "digital"}),
    ("selection_assessment", "X15", "sa_conflict"): ({"sa_conflict": "1"}, {"sa_conflict": "0"}),
    ("youth_ideas", "R07", "idea_text"): ({"idea_text": _NIK}, {"idea_text": "pelatihan kopi"}),
    ("youth_ideas", "R19", "idea_title"): ({"idea_title": "a1 2"}, {"idea_title": "Kopi"}),
}  # fmt: skip
for _form in ("applicant_registration", "backcheck", "employer_needs", "selection_assessment", "youth_ideas"):
    CASES[_form, "S03", "_instance_id"] = ({"_instance_id": _BAD_ID}, {"_instance_id": _GOOD_ID})
    CASES[_form, "R03", "start"] = (
        _when("2026-01-10 10:00:00", "2026-01-10 09:00:00"),
        _when("2026-01-10 09:00:00", "2026-01-10 09:00:00"),
    )
