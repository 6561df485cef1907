"""Expressions of a claims table: read by ``ast``, checked, and computed node by node.

Numbers, words in quotes, units (``GB/s``), ``claimed``, the four operations, comparisons, ``and``,
``or``, ``not`` and calls of named functions; at the top also several figures ``(a, b)`` and
readings ``{"name": a, "other": b}``. Nothing else exists: no attribute, index, power, loop or
lambda, and no name that is not in ``naming`` or ``units``. Python is never asked to evaluate.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.audit.amounts import Amount, Readings, added, multiplied
from rightrig.audit.naming import called, functions, plain_number
from rightrig.audit.units import ATOMS, show_dimension
from rightrig.deployment.rule import Violation
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rightrig.audit.amounts import Found, Value
    from rightrig.audit.naming import Kind, Named, Setting

MOST_CHARACTERS: Final = 800
MOST_NODES: Final = 150
_DEEPEST: Final = 20
_LARGEST: Final = 1e30
_COMPARED: Final[dict[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_SAME_RATIO: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression.

    Attributes:
        text: As it was written.
        calls: The functions that it calls, in the order of the text.
    """

    text: str
    tree: ast.expr = field(compare=False, repr=False)
    calls: tuple[Named, ...] = ()

    @property
    def kinds(self) -> frozenset[Kind]:
        """Kinds of the functions that it calls."""
        return frozenset(call.kind for call in self.calls)

    @property
    def is_arithmetic(self) -> bool:
        """Whether it calls no function and reads no fact: arithmetic of the text itself."""
        return not self.kinds & {"fact", "formula", "rule"}


def parse_expression(text: str) -> Expression:
    """Return an expression that is safe to compute.

    Raises:
        InputError: says what is wrong with it.
    """
    cleaned = text.strip()
    if len(cleaned) > MOST_CHARACTERS:
        raise _wrong(cleaned, f"it is longer than {MOST_CHARACTERS} characters")
    tree = _tree(cleaned)
    nodes = list(ast.walk(tree))
    if len(nodes) > MOST_NODES:
        raise _wrong(cleaned, f"it has {len(nodes):,} parts and may have {MOST_NODES}")
    _check(tree, cleaned, 0, is_top=True)
    names = [n.func.id for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    return Expression(cleaned, tree, tuple(functions()[name] for name in names))


def _tree(text: str) -> ast.expr:
    """Return a text as Python reads it."""
    try:
        with warnings.catch_warnings():
            # Python warns on standard error of what is odd, and we refuse or take it anyway.
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise _wrong(text, f"it cannot be read ({plain(reason, 80)})") from error


def _check(node: ast.expr, text: str, depth: int, *, is_top: bool = False) -> None:
    """Refuse what no expression may hold."""
    if depth > _DEEPEST:
        raise _wrong(text, f"it is nested deeper than {_DEEPEST}")
    for below in _parts(node, text, is_top=is_top):
        _check(below, text, depth + 1)


def _parts(node: ast.expr, text: str, *, is_top: bool) -> list[ast.expr]:
    """Return the expressions below a node that may stand where it stands."""
    if isinstance(node, ast.Constant):
        return _of_constant(node, text)
    if isinstance(node, ast.Name):
        if node.id == "claimed" or node.id in ATOMS:
            return []
        raise _wrong(text, f"{plain(node.id, 40)!r} is no unit; functions are called, words quoted")
    if isinstance(node, ast.Call):
        return _of_call(node, text)
    if is_top and isinstance(node, ast.Tuple):
        return node.elts
    if is_top and isinstance(node, ast.Dict):
        return [*(key for key in node.keys if key is not None), *node.values]
    found = _of_operation(node)
    if found is None:
        raise _wrong(text, f"{_word(node)} is not allowed in it")
    return found


def _of_constant(node: ast.Constant, text: str) -> list[ast.expr]:
    """Refuse constants that are no number, words or yes and no."""
    value = node.value
    if isinstance(value, bool | str):
        return []
    if not isinstance(value, int | float):
        raise _wrong(text, "it holds a constant that is no number, words or True and False")
    if abs(value) > _LARGEST or math.isnan(value):
        raise _wrong(text, f"it holds a number above {_LARGEST:g}")
    return []


def _of_call(node: ast.Call, text: str) -> list[ast.expr]:
    """Return the arguments of a call of a known function."""
    if not isinstance(node.func, ast.Name):
        raise _wrong(text, "only functions by their plain names are called")
    if node.func.id not in functions():
        raise _wrong(
            text,
            f"there is no function {plain(node.func.id, 40)!r} ('rightrig audit --functions' lists "
            "them)",
        )
    if any(isinstance(a, ast.Starred) for a in node.args) or any(
        k.arg is None for k in node.keywords
    ):
        raise _wrong(text, "arguments with * are not allowed in it")
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _of_operation(node: ast.expr) -> list[ast.expr] | None:
    """Return the sides of an operation, or nothing where it is none that is allowed."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        return [node.operand]
    if isinstance(node, ast.BoolOp):
        return node.values
    if (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and type(node.ops[0]) in {*_COMPARED, ast.Eq, ast.NotEq}
    ):
        return [node.left, *node.comparators]
    return None


def compute(expression: Expression, setting: Setting) -> Found:
    """Return what an expression comes to.

    Raises:
        InputError: where units do not agree, or a function refuses.
    """
    with _told(expression):
        return _found(expression.tree, setting)


@dataclass(frozen=True, slots=True)
class Checked:
    """A rule that was checked, by the name of its function, and what it found broken."""

    name: str
    broken: tuple[Violation, ...]


def compute_rules(expression: Expression, setting: Setting) -> tuple[Checked, ...]:
    """Return what the rules of an expression find: one rule, or several in brackets.

    Raises:
        InputError: where it is no rule, units do not agree, or a function refuses.
    """
    tree = expression.tree
    parts = tree.elts if isinstance(tree, ast.Tuple) else [tree]
    with _told(expression):
        return tuple(_checked(part, setting) for part in parts)


def _checked(node: ast.expr, setting: Setting) -> Checked:
    """Return what one rule finds."""
    found = _any(node, setting)
    if not isinstance(found, tuple) or not isinstance(node, ast.Call):
        raise InputError("it is no rule; what is computed stands in its own column")
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    return Checked(name, tuple(rule for rule in found if isinstance(rule, Violation)))


@contextmanager
def _told(expression: Expression) -> Iterator[None]:
    """Turn what is refused while an expression is computed into a sentence that quotes it."""
    try:
        with warnings.catch_warnings():
            # Arrays warn of what is no number; such a result is refused below.
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    except InputError as error:
        raise _wrong(expression.text, str(error)) from error
    except ArithmeticError as error:
        raise _wrong(expression.text, "it comes to no finite number") from error


def _found(node: ast.expr, setting: Setting) -> Found:
    """Return what the top of an expression comes to."""
    if isinstance(node, ast.Tuple):
        return tuple(_value(part, setting) for part in node.elts)
    if isinstance(node, ast.Dict):
        names = [_word_of(key) for key in node.keys]
        if len(set(names)) < len(names):
            raise InputError("two readings have one name")
        values = [_value(value, setting) for value in node.values]
        return Readings(dict(zip(names, values, strict=True)))
    return _value(node, setting)


def _word_of(key: ast.expr | None) -> str:
    """Return the name of a reading."""
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value
    raise InputError("readings are named by words in quotes")


def _value(node: ast.expr, setting: Setting) -> Value:
    """Return what a node comes to, which must be one thing."""
    found = _any(node, setting)
    if isinstance(found, Amount | bool | str):
        return found
    raise InputError("what a rule finds stands alone, in the column of rules")


def _any(node: ast.expr, setting: Setting) -> Found | tuple[Violation, ...]:
    """Return what a node comes to."""
    match node:
        case ast.Constant(value=bool() | str() as value):
            return value
        case ast.Constant(value=int() | float() as number):
            return plain_number(float(number))
        case ast.Name(id="claimed"):
            return _claimed(setting)
        case ast.Name(id=name):
            unit = ATOMS[name]
            return Amount(Interval.exact(unit.scale_ratio), unit.dimension)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            values = [_value(argument, setting) for argument in args]
            by_name = {str(k.arg): _value(k.value, setting) for k in keywords}
            return called(functions()[name], setting, list(values), by_name)
        case _:
            return _operated(node, setting)


def _claimed(setting: Setting) -> Amount:
    """Return what the judged claim states, as a number."""
    if setting.claimed is None:
        raise InputError("it reads 'claimed', and the claim states no single number")
    return setting.claimed


def _operated(node: ast.expr, setting: Setting) -> Value:
    """Return what an operation comes to."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _amount(left, setting), _amount(right, setting))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return multiplied(_amount(operand, setting), plain_number(-1.0))
        case ast.UnaryOp(operand=operand):
            return not _truth(operand, setting)
        case ast.BoolOp(op=op, values=values):
            truths = [_truth(value, setting) for value in values]
            return all(truths) if isinstance(op, ast.And) else any(truths)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(op, _value(left, setting), _value(right, setting))
    raise InputError(f"{_word(node)} is not allowed in it")


def _binary(op: ast.operator, left: Amount, right: Amount) -> Amount:
    """Return one of the four operations."""
    if isinstance(op, ast.Add | ast.Sub):
        return added(left, right, 1.0 if isinstance(op, ast.Add) else -1.0)
    return multiplied(left, right, 1 if isinstance(op, ast.Mult) else -1)


def _compared(op: ast.cmpop, left: Value, right: Value) -> bool:
    """Return whether a comparison holds: of middles, or of words without case."""
    if isinstance(left, Amount) and isinstance(right, Amount):
        if left.dimension != right.dimension:
            raise InputError(
                f"{show_dimension(left.dimension)} and {show_dimension(right.dimension)} cannot be "
                "compared"
            )
        is_same = math.isclose(left.mid, right.mid, rel_tol=_SAME_RATIO)
        if isinstance(op, ast.Eq | ast.NotEq):
            return is_same == isinstance(op, ast.Eq)
        return _COMPARED[type(op)](left.mid, right.mid)
    if isinstance(op, ast.Eq | ast.NotEq) and type(left) is type(right):
        return (_folded(left) == _folded(right)) == isinstance(op, ast.Eq)
    raise InputError("only two numbers, or two texts by == and !=, are compared")


def _folded(value: Value) -> object:
    """Return a text without case and spaces at its ends."""
    return value.strip().lower() if isinstance(value, str) else value


def _amount(node: ast.expr, setting: Setting) -> Amount:
    """Return what a node comes to, which must be a number."""
    value = _value(node, setting)
    if isinstance(value, Amount):
        return value
    raise InputError("only numbers are added, subtracted, multiplied and divided")


def _truth(node: ast.expr, setting: Setting) -> bool:
    """Return what a node comes to, which must be true or false."""
    value = _value(node, setting)
    if isinstance(value, bool):
        return value
    raise InputError("only what is true or false is joined by and, or, not")


def _word(node: ast.AST) -> str:
    """Return what a part of Python is called."""
    return {
        "Attribute": "an attribute (a dot)", "Subscript": "an index", "Lambda": "a lambda",
        "ListComp": "a loop", "GeneratorExp": "a loop", "SetComp": "a loop", "DictComp": "a loop",
        "BinOp": "another operation than + - * /", "JoinedStr": "an f-string", "Dict":
        "a dictionary inside", "Tuple": "a tuple inside", "List": "a list", "Set": "a set",
        "IfExp": "an if", "NamedExpr": "an assignment", "Compare": "such a comparison",
        "UnaryOp": "another sign than -",
    }.get(type(node).__name__, f"{type(node).__name__.lower()}")  # fmt: skip


def _wrong(text: str, reason: str) -> InputError:
    """Return the error for an expression that is none, or that cannot be computed."""
    return InputError(f"the expression {plain(text, 80)!r} is refused: {reason}")
