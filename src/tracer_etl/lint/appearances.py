"""The words of XLSForm: appearances by type, parameters by type, headers of the sheets."""

from __future__ import annotations

CALENDARS = frozenset({"ethiopian", "coptic", "islamic", "bikram-sambat", "myanmar", "persian", "buddhist"})
_SELECT = frozenset(
    """
    minimal autocomplete search quick quickcompact compact columns columns-pack columns-flex label
    list-nolabel list horizontal horizontal-compact image-map map no-buttons picker randomized
    """.split()
)
_DATE = frozenset({"month-year", "year", "no-calendar", "no-ticks"}) | CALENDARS
_GEO = frozenset({"maps", "placement-map", "hide-input", "streets", "satellite", "terrain", "incremental"})
_NUMBER = frozenset(
    {"thousands-sep", "counter", "numbers", "bearing", "distress", "masked", "minimal", "decimal"}
)
APPEARANCES: dict[str, frozenset[str]] = {
    "text": frozenset({"numbers", "multiline", "multi-line", "url", "masked", "thousands-sep", "printer",
                       "hidden-answer", "email", "tel", "textarea"}),
    "integer": _NUMBER, "decimal": _NUMBER,
    "range": frozenset({"vertical", "horizontal", "no-ticks", "picker", "rating", "distress", "analog-scale",
                        "show-scale", "minimal"}),
    "select_one": _SELECT | {"likert"}, "select_multiple": _SELECT, "rank": frozenset(),
    "date": _DATE, "datetime": _DATE, "time": frozenset(),
    "geopoint": _GEO, "geotrace": _GEO, "geoshape": _GEO,
    "image": frozenset({"signature", "draw", "annotate", "new", "new-front", "selfie", "web", "no-buttons"}),
    "audio": frozenset({"new", "voice-only"}), "video": frozenset({"new", "new-front", "selfie"}),
    "barcode": frozenset({"front", "hidden-answer"}),
    "group": frozenset({"field-list", "table-list", "pages", "summary", "horizontal"}),
    "repeat": frozenset({"field-list", "table-list", "summary"}),
}  # fmt: skip
"""From the ODK documentation and Enketo's list of appearances."""
ANY_TYPE = frozenset({"field-list", "hidden", "no-collapse", "ex", "intent", "pages"})
KNOWN_WORDS = frozenset().union(*APPEARANCES.values()) | ANY_TYPE

PARAMETERS: dict[str, frozenset[str]] = {
    "range": frozenset({"start", "end", "step", "tick_interval", "placeholder", "tick_labelset"}),
    "image": frozenset({"max-pixels", "app"}),
    "audio": frozenset({"quality"}), "background-audio": frozenset({"quality"}),
    "text": frozenset({"rows", "incremental", "app"}),
    "geopoint": frozenset({"capture-accuracy", "warning-accuracy", "allow-mock-accuracy"}),
    "geotrace": frozenset({"allow-mock-accuracy", "incremental"}),
    "geoshape": frozenset({"allow-mock-accuracy", "incremental"}),
    "audit": frozenset({"location-priority", "location-min-interval", "location-max-age", "track-changes",
                        "identify-user", "track-changes-reasons"}),
    **dict.fromkeys(("select_one", "select_multiple", "rank"),
                    frozenset({"randomize", "seed", "value", "label"})),
}  # fmt: skip
"""Types that are not listed are not checked."""

HEADERS = frozenset(
    """
    type name label hint guidance_hint required required_message relevant constraint constraint_message
    calculation appearance choice_filter repeat_count parameters default readonly trigger image audio video
    big-image autoplay save_to bind instance control body media disabled note rows query intent list_name
    sms_field sms_option sms_separator compact_tag noapperrorstring no_app_error_string hxl labels notes
    """.split()
)
SETTINGS = frozenset(
    """
    form_title form_id version default_language instance_name style namespaces submission_url public_key
    auto_send auto_delete allow_choice_duplicates name prefix delimiter sms_keyword sms_separator
    sms_allow_media sms_date_format sms_datetime_format sms_response instance_xmlns omit_instanceid
    clean_text_values attribute client_editable instance_id
    """.split()
)
