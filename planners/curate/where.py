"""The expressions of `filter`: Python's syntax for conditions, read without running it, typed, and written as SQL.

``seam <= 0.1 and 'dog' in concepts``. Only what is named below is known; what does not fit is an error with its
place. Values become literals of our own making, names are the schema's: no text of a user's reaches the database.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import final

from engine.dataset.sql import quote_name, quote_text
from engine.rows.scores import EXAMPLE
from planners.curate.expression import (
    ARITHMETIC,
    COMPARISONS,
    ITEM,
    OF_ALL,
    OF_TWO,
    WHETHER,
    WORDS,
    Kind,
    Schema,
    Term,
    _refuse_syntax,
    describe,
    misfit,
    parse_expression,
    reads,
    syntax,
    unknown,
)

FUNCTIONS = (*OF_ALL, *WHETHER, "count", "len", "abs", "lower")


def condition(text: str, schema: Schema) -> Term:
    """A condition as SQL.

    Args:
        text: at most 2,000 characters.
        schema: the columns that there are.

    Raises:
        UsageError: EXPRESSION_SYNTAX, EXPRESSION_NAME, EXPRESSION_TYPE.
    """
    return _whole(text, schema, "boolean", f"a condition, such as {EXAMPLE} >= 0.28")


def number(text: str, schema: Schema) -> Term:
    """A number to sort by, as SQL; raises as `condition`."""
    return _whole(text, schema, "number", f"a number, such as {EXAMPLE} or min(objects.identity)")


def clauses(text: str, schema: Schema) -> list[tuple[str, Term]]:
    """The parts between the outermost ``and``, as they were written and as SQL; raises as `condition`."""
    condition(text, schema)
    tree = parse_expression(text)
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    return [(ast.unparse(part), _Reader(text, schema).term(part)) for part in parts]


def _whole(text: str, schema: Schema, kind: Kind, wanted: str) -> Term:
    tree = parse_expression(text)
    try:
        term = _Reader(text, schema).term(tree)
        if term.kind == kind and not term.many:
            return term
        raise misfit(text, tree, f"is {describe(term)} and should be {wanted}")
    except RecursionError:
        raise syntax(text[:60], "is nested too deeply", 0) from None


@final
class _Reader:
    """One expression; `item` is the list of structs whose fields are meant one at a time, inside ``any(...)``."""

    def __init__(self, text: str, schema: Schema, item: str | None = None) -> None:
        self._text, self._schema, self._item = text, schema, item
        self.group = ""  # the list of structs that was met, where one may be

    def term(self, node: ast.expr) -> Term:
        """The SQL of a part."""
        reader = _READERS.get(type(node))
        if reader is None:
            raise _refuse_syntax(self._text, node)
        return reader(self, node)

    def expect(self, node: ast.expr, *kinds: Kind, many: bool = False) -> Term:
        """The part, which must be of one of these kinds."""
        term = self.term(node)
        if term.kind not in kinds or term.many != many:
            wanted = " or ".join(describe(Term("", kind, many=many)) for kind in kinds)
            raise misfit(self._text, node, f"is {describe(term)} and should be {wanted}")
        return term

    def constant(self, node: ast.Constant) -> Term:
        return self._literal(node, node.value)

    def _literal(self, node: ast.expr, value: object) -> Term:
        if value is None:
            return Term("null", "null")
        if isinstance(value, bool):
            return Term(str(value).lower(), "boolean")
        if isinstance(value, int) and abs(value) < 1 << 63:
            return Term(str(value), "number")
        if isinstance(value, float) and math.isfinite(value):
            return Term(f"{value!r}::double", "number")
        if isinstance(value, str) and "\0" not in value and value.isprintable() | value.isascii():
            return Term(quote_text(value), "text")
        raise misfit(self._text, node, "is no number, text, true, false or null")

    def name(self, node: ast.Name) -> Term:
        if node.id.lower() in WORDS and node.id not in self._schema:
            return self._literal(node, WORDS[node.id.lower()])
        return self._column(node, node.id)

    def attribute(self, node: ast.Attribute) -> Term:
        return self._column(node, ast.unparse(node))

    def _column(self, node: ast.expr, name: str) -> Term:
        column = self._schema.get(name)
        if column is None:
            near = get_close_matches(name, self._schema, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise unknown(self._text, node, "is no column", f"{hint}there are: {', '.join(sorted(self._schema))}")
        read = frozenset({name})
        field = name.rpartition(".")[2]
        if not column.group:
            return Term(quote_name(name), column.kind, read, column.many)
        if self._item is not None:
            if self.group not in ("", column.group):
                raise misfit(self._text, node, f"is of another list than {self.group}")
            self.group = column.group
            return Term(f"{ITEM}.{quote_name(field)}", column.kind, read)
        fields = f"list_transform({quote_name(column.group)}, lambda {ITEM}: {ITEM}.{quote_name(field)})"
        return Term(fields, column.kind, read, many=True)

    def both(self, node: ast.BoolOp) -> Term:
        terms = [self.expect(value, "boolean") for value in node.values]
        word = " and " if isinstance(node.op, ast.And) else " or "
        return Term(f"({word.join(term.sql for term in terms)})", "boolean", reads(terms))

    def unary(self, node: ast.UnaryOp) -> Term:
        kinds: dict[type[ast.unaryop], tuple[Kind, str]] = {ast.Not: ("boolean", "not "), ast.USub: ("number", "-")}
        if type(node.op) not in kinds:
            raise _refuse_syntax(self._text, node)
        kind, word = kinds[type(node.op)]
        term = self.expect(node.operand, kind)
        return Term(f"({word}{term.sql})", kind, term.reads)

    def arithmetic(self, node: ast.BinOp) -> Term:
        if type(node.op) not in ARITHMETIC:
            raise _refuse_syntax(self._text, node, "is no +, -, * or /")
        left, right = self.expect(node.left, "number"), self.expect(node.right, "number")
        return Term(f"({left.sql} {ARITHMETIC[type(node.op)]} {right.sql})", "number", left.reads | right.reads)

    def compare(self, node: ast.Compare) -> Term:
        lefts = [node.left, *node.comparators[:-1]]
        terms = [self._one(*each) for each in zip(lefts, node.ops, node.comparators, strict=True)]
        return Term(f"({' and '.join(term.sql for term in terms)})", "boolean", reads(terms))

    def _one(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Term:
        if isinstance(operator, (ast.In, ast.NotIn)):
            term = self._inside(left, right)
            return Term(f"(not {term.sql})", "boolean", term.reads) if isinstance(operator, ast.NotIn) else term
        first = self.term(left)
        if first.many:
            raise misfit(self._text, left, "is a list: say any(…), all(…), min(…), … or `value in list`")
        if isinstance(operator, (ast.Is, ast.IsNot)) or (isinstance(right, ast.Name) and right.id.lower() == "null"):
            if self.term(right).kind != "null":
                raise misfit(self._text, right, "is not null: only `is null` and `is not null` are known")
            word = "is not null" if isinstance(operator, (ast.IsNot, ast.NotEq)) else "is null"
            return Term(f"({first.sql} {word})", "boolean", first.reads)
        second = self.expect(right, first.kind)
        return Term(f"({first.sql} {COMPARISONS[type(operator)]} {second.sql})", "boolean", first.reads | second.reads)

    def _inside(self, left: ast.expr, right: ast.expr) -> Term:
        item = self.expect(left, "number", "text", "boolean")
        if isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            values = [self.expect(each, item.kind) for each in right.elts]
            listed = ", ".join(value.sql for value in values)
            empty = f"case when {item.sql} is null then null else false end"
            inside = f"({item.sql} in ({listed}))" if values else f"({empty})"
            return Term(inside, "boolean", item.reads | reads(values))
        whole = self.term(right)
        if whole.kind != item.kind or not (whole.many or whole.kind == "text"):
            raise misfit(self._text, right, f"is {describe(whole)} and cannot hold {describe(item)}")
        function = "list_contains" if whole.many else "contains"
        return Term(f"{function}({whole.sql}, {item.sql})", "boolean", item.reads | whole.reads)

    def call(self, node: ast.Call) -> Term:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            raise unknown(self._text, node, "is no function that is known", f"there are: {', '.join(FUNCTIONS)}")
        if name in OF_TWO and len(node.args) > 1:
            terms = [self.expect(each, "number") for each in node.args]
            known = " and ".join(f"{term.sql} is not null" for term in terms)
            chosen = f"{OF_TWO[name]}({', '.join(term.sql for term in terms)})"
            return Term(f"case when {known} then {chosen} end", "number", reads(terms))
        if len(node.args) != 1:
            raise misfit(self._text, node, f"takes one argument, not {len(node.args)}")
        if name in ("len", "abs", "lower"):
            return self._plain(name, node.args[0])
        return self._over(name, node.args[0])

    def _plain(self, name: str, argument: ast.expr) -> Term:
        if name == "len":
            term = self.term(argument)
            if not term.many and term.kind != "text":
                raise misfit(self._text, argument, f"is {describe(term)} and has no length")
            return Term(f"len({term.sql})", "number", term.reads)
        kind: Kind = "number" if name == "abs" else "text"
        term = self.expect(argument, kind)
        return Term(f"{name}({term.sql})", kind, term.reads)

    def _over(self, name: str, argument: ast.expr) -> Term:
        """``min(objects.identity)``, ``any(objects.detection < 0.3)``: an expression for every item of a list."""
        if self._item is not None:
            raise misfit(self._text, argument, "is inside another any, all, count, min, max, mean or sum already")
        kind: Kind = "number" if name in OF_ALL else "boolean"
        inner = _Reader(self._text, self._schema, item="")
        term = inner.term(argument)
        if term.many and term.kind == kind:
            values = term.sql
        elif inner.group and term.kind == kind:
            values = f"list_transform({quote_name(inner.group)}, lambda {ITEM}: {term.sql})"
        else:
            wanted = "numbers, such as objects.identity" if kind == "number" else "conditions on objects.…"
            raise misfit(self._text, argument, f"is {describe(term)} and should be {wanted}")
        if name == "count":
            return Term(f"len(list_filter({values}, lambda flag: flag))", "number", term.reads)
        if name in WHETHER:
            return Term(WHETHER[name].format(values), "boolean", term.reads)
        return Term(f"list_{OF_ALL[name]}({values})", "number", term.reads)


_READERS: Mapping[type[ast.expr], Callable[..., Term]] = {
    ast.Attribute: _Reader.attribute,
    ast.BinOp: _Reader.arithmetic,
    ast.BoolOp: _Reader.both,
    ast.Call: _Reader.call,
    ast.Compare: _Reader.compare,
    ast.Constant: _Reader.constant,
    ast.Name: _Reader.name,
    ast.UnaryOp: _Reader.unary,
}
