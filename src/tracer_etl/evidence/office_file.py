"""Reading a file the office edits: what is wrong with it is one sentence with the key, and the page that helps."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from tracer_etl.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Config = TypeVar("Config")


class Table(dict[str, Any]):
    """A table of the file that knows where it stands, so that a key it lacks can be named."""

    def __init__(self, content: Mapping[str, Any], where: str) -> None:
        """Take a table and those within it; `where` is how a message names it, empty = the whole file."""
        named = {
            key: _named(value, f"{where} {key}" if where else f"[{key}]") for key, value in content.items()
        }
        super().__init__(named)
        self.where = where

    def __missing__(self, key: str) -> Any:  # noqa: ANN401 - it never returns
        """Name what is missing."""
        raise KeyError(f"{self.where} {key}" if self.where else f"[{key}]")

    def number(self, key: str, least: float = float("-inf"), most: float = float("inf")) -> float:
        """Give a number.

        Raises:
            TypeError: it is none.
            ValueError: it is not from `least` to `most`.
        """
        value = self[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{self.where} {key} is {value!r}, no number")
        if not least <= value <= most:
            span = f"{least:g} to {most:g}" if most < float("inf") else f"{least:g} or more"
            raise ValueError(f"{self.where} {key} is {value}, and may be {span}")
        return float(value)


def _named(value: object, where: str) -> object:
    if isinstance(value, dict):
        return Table(value, where)
    if isinstance(value, list):
        return [_row(one, f"[{where}]", place) for place, one in enumerate(value, 1)]
    return value


def _row(value: object, where: str, place: int) -> object:
    if not isinstance(value, dict):
        return value
    return Table(value, f"{where} {value.get('code') or value.get('programme') or place}")


def read_office_file(path: Path, config_of: Callable[[Table], Config], page: str) -> Config:
    """Read TOML and make the configuration of it.

    Raises:
        StudyError: the file is missing, not TOML, or lacks something; the message says what, and names the page.
    """
    try:
        return config_of(Table(tomllib.loads(path.read_text(encoding="utf-8")), ""))
    except FileNotFoundError as error:
        raise StudyError(
            "there is no such file", where=path.name, remedy="write it, or name another"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"not TOML ({error})", where=path.name, remedy="correct that line") from error
    except KeyError as error:
        raise StudyError(f"{error.args[0]} is missing", where=path.name, remedy=f"see {page}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"wrong value: {error}", where=path.name, remedy=f"see {page}") from error
