"""What expressions over columns are made of: kinds of values, columns, and parts that are written as SQL."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.errors import UsageError
from engine.rows.scores import EXAMPLE

Kind = Literal["number", "text", "boolean", "null"]
Schema = Mapping[str, "Column"]
_HELP = "see docs/filter.md"
LONGEST = 2000  # characters; deeper nesting than they allow would end Python's own parser
WORDS = {"null": None, "none": None, "true": True, "false": False}
ITEM = "item"  # the SQL name of one struct of a list
COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
ARITHMETIC: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
OF_ALL = {"min": "min", "max": "max", "mean": "avg", "sum": "sum"}
OF_TWO = {"min": "least", "max": "greatest"}
WHETHER = {  # one that holds decides, whatever is null; where none does and one is null, nobody knows
    "any": "case when len(list_filter({0}, lambda f: f)) > 0 then true "
    "when len(list_filter({0}, lambda f: f is null)) > 0 then null else false end",
    "all": "case when len(list_filter({0}, lambda f: not f)) > 0 then false "
    "when len(list_filter({0}, lambda f: f is null)) > 0 then null else true end",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column that expressions may name.

    Attributes:
        kind: of its value, or of each of its values.
        many: whether it is a list.
        group: of `objects.identity` the `objects`: a list of structs, of which this is a field.
    """

    kind: Kind
    many: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of an expression as SQL, its kind, and the columns that it reads; `many` for lists."""

    sql: str
    kind: Kind
    reads: frozenset[str] = frozenset()
    many: bool = False


def syntax(text: str, what: str, at: int) -> UsageError:
    """The error of an expression that cannot be read, from the character at position `at` on."""
    return UsageError(
        "EXPRESSION_SYNTAX",
        f"the expression {what}",
        where=f"character {at + 1} of {text!r}",
        fix=f"write it like: {EXAMPLE} >= 0.28 and 'dog' in concepts and min(objects.identity) > 0.6",
    )


def misfit(text: str, node: ast.AST, what: str) -> UsageError:
    """The error of a part that does not fit the others."""
    return UsageError("EXPRESSION_TYPE", _shorten(node, what), where=_place(text, node), fix=_HELP)


def _refuse_syntax(text: str, node: ast.AST, what: str = "is nothing that an expression may hold") -> UsageError:
    """The error of a part of a kind that no expression holds."""
    return UsageError("EXPRESSION_SYNTAX", _shorten(node, what), where=_place(text, node), fix=_HELP)


def unknown(text: str, node: ast.AST, what: str, fix: str) -> UsageError:
    """The error of a name that nobody has."""
    return UsageError("EXPRESSION_NAME", _shorten(node, what), where=_place(text, node), fix=fix)


def _shorten(node: ast.AST, what: str) -> str:
    return f"{ast.unparse(node)[:80]!r} {what}"


def _place(text: str, node: ast.AST) -> str:
    return f"character {getattr(node, 'col_offset', 0) + 1} of {text.strip()!r}"


def describe(term: Term) -> str:
    """What a part is, in words."""
    names = {"number": "a number", "text": "a text", "boolean": "a condition", "null": "nothing"}
    return f"a list of {term.kind}s" if term.many else names[term.kind]


def reads(terms: Iterable[Term]) -> frozenset[str]:
    """All columns that the parts read."""
    return frozenset().union(*(term.reads for term in terms))


def parse_expression(text: str) -> ast.expr:
    """The syntax tree of an expression; nothing is run.

    Raises:
        UsageError: EXPRESSION_SYNTAX.
    """
    if len(text) > LONGEST:
        raise syntax(text[:60] + "…", f"is longer than {LONGEST:,} characters", 0)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        hint = "; equality is ==" if "==" in (error.msg or "") or " = " in text else ""
        raise syntax(text.strip(), f"cannot be read{hint}", (error.offset or len(text) + 1) - 1) from None
    except (ValueError, RecursionError, MemoryError):
        raise syntax(text[:60], "cannot be read", 0) from None
