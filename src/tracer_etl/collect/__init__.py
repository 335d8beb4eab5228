"""Fill and check XForms with the engine that is inside ODK Collect.

pyxform ships ODK Validate as one jar, and that jar holds JavaRosa, the form engine of ODK Collect. This
package drives it in Collect's own order of calls, so the XML it gives is what a phone would have sent:

    jvm             one Java machine per process, and what to say when there is none
    clock           the time, the identifiers and the device the form believes in
    patch           why a form asks us for the time
    handlers        what Collect adds to JavaRosa: media files, pulldata, device properties
    question        one question as the enumerator sees it; values in the types of its widget
    random_answers  an enumerator who answers anything the widget allows
    judging         what the engine thinks of every node of an instance, right or wrong: Judged
    walk            a form, walked from the first question to the last: Filler, Filled
    validate        ODK Validate on many XForms

Nothing here knows a study.
"""

from tracer_etl.collect.clock import Clock, Device, Identifiers
from tracer_etl.collect.judging import Judged, Node
from tracer_etl.collect.question import Question
from tracer_etl.collect.random_answers import RandomAnswers
from tracer_etl.collect.validate import validate_xform, validate_xforms
from tracer_etl.collect.walk import Filled, Filler, Refusal

__all__ = [
    "Clock",
    "Device",
    "Filled",
    "Filler",
    "Identifiers",
    "Judged",
    "Node",
    "Question",
    "RandomAnswers",
    "Refusal",
    "validate_xform",
    "validate_xforms",
]
