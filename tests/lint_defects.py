"""All planted defects, numbered by their order.

The list follows section 1 of the team's study of form clients (55 defects, of which pyxform and ODK Validate
see 17); where that names a family only, the members were chosen anew, and it goes on beyond 55.
"""

from __future__ import annotations

from lint_defects_content import CONTENT
from lint_defects_logic import LOGIC

DEFECTS = (*LOGIC, *CONTENT)
