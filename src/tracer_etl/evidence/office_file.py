"""Reading a file the office edits: what is wrong with it is one sentence with the page that helps."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from tracer_etl.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Config = TypeVar("Config")


def read_office_file(path: Path, config_of: Callable[[Mapping[str, Any]], Config], page: str) -> Config:
    """Read TOML and make the configuration of it.

    Raises:
        StudyError: the file is missing, not TOML, or lacks something; the message says what, and names the page.
    """
    try:
        return config_of(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise StudyError(
            "there is no such file", where=path.name, remedy="write it, or name another"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"not TOML ({error})", where=path.name, remedy="correct that line") from error
    except KeyError as error:
        raise StudyError(f"key {error} is missing", where=path.name, remedy=f"see {page}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"wrong kind of value ({error})", where=path.name, remedy=f"see {page}") from error
