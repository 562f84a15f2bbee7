"""CEL as a tree with places. The library that evaluates CEL shows none, and without one nothing can be said about types.

Only read to check an expression when a policy is loaded; what runs is the library's own program, made from the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NoReturn


class SyntaxProblem(Exception):
    """An expression that cannot be read; ``at`` is the offset in its text."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message, self.at = message, at


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression, and where it begins."""

    at: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant; ``kind`` is its CEL type."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """``of.field``."""

    of: Node
    field: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """``of[by]``."""

    of: Node
    by: Node


@dataclass(frozen=True, slots=True)
class Invoke(Node):
    """A function, with what stood before its dot if it was called like a method. Operators are functions: ``_+_``."""

    name: str
    target: Node | None
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Items(Node):
    """``[a, b]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Pairs(Node):
    """``{a: b}``."""

    pairs: tuple[tuple[Node, Node], ...]


_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<float>(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?))
    |(?P<int>0x[0-9a-fA-F]+u?|\d+u?)
    |(?P<string>(?:[rR]?[bB]?|[bB][rR])(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<mark>&&|\|\||<=|>=|==|!=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("<", "<=", ">=", ">", "==", "!=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
_MOST_DEEP = 60


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """The tree of an expression. Raises ``SyntaxProblem``."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.place = 0
        self.deep = 0

    def whole(self) -> Node:
        found = self.expression()
        if self.token.kind != "end":
            self.fail(f"{self.token.text!r} is not expected here")
        return found

    @property
    def token(self) -> _Token:
        return self.tokens[self.place]

    def fail(self, message: str) -> NoReturn:
        raise SyntaxProblem(message, self.token.at)

    def take(self, *texts: str) -> _Token | None:
        """The next token if it is one of these marks or words."""
        token = self.token
        if token.kind in ("mark", "name") and token.text in texts:
            self.place += 1
            return token
        return None

    def need(self, text: str) -> None:
        if not self.take(text):
            self.fail(f"{text!r} is missing before {self.token.text or 'the end'!r}")

    def expression(self) -> Node:
        self.deep += 1
        if self.deep > _MOST_DEEP:
            self.fail("it is nested too deeply")
        first = self.level(0)
        if mark := self.take("?"):
            yes = self.level(0)
            self.need(":")
            first = Invoke(mark.at, "_?_:_", None, (first, yes, self.expression()))
        self.deep -= 1
        return first

    def level(self, number: int) -> Node:
        if number == len(_LEVELS):
            return self.unary()
        left = self.level(number + 1)
        while mark := self.take(*_LEVELS[number]):
            left = Invoke(mark.at, "_in_" if mark.text == "in" else f"_{mark.text}_", None, (left, self.level(number + 1)))
        return left

    def unary(self) -> Node:
        if mark := self.take("!", "-"):
            of = self.unary()
            if mark.text == "-" and isinstance(of, Literal) and of.kind in ("int", "double"):
                return Literal(mark.at, of.kind, -of.value)
            return Invoke(mark.at, f"{mark.text}_", None, (of,))
        return self.member(self.primary())

    def member(self, of: Node) -> Node:
        while True:
            if mark := self.take("."):
                name = self.token
                if name.kind != "name":
                    self.fail("a name is missing after '.'")
                self.place += 1
                if self.take("("):
                    of = Invoke(name.at, name.text, of, self.several(")"))
                else:
                    of = Select(mark.at, of, name.text)
            elif mark := self.take("["):
                by = self.expression()
                self.need("]")
                of = Index(mark.at, of, by)
            else:
                return of

    def primary(self) -> Node:
        token = self.token
        self.place += 1
        match token.kind:
            case "float":
                return Literal(token.at, "double", float(token.text))
            case "int":
                plain = token.text.rstrip("u")
                return Literal(token.at, "uint" if plain != token.text else "int", int(plain, 0))
            case "string":
                bytes_ = "b" in token.text[: token.text.index(token.text[-1])].lower()
                return Literal(token.at, "bytes" if bytes_ else "string", _unquoted(token.text))
            case "name" if token.text in ("true", "false"):
                return Literal(token.at, "bool", token.text == "true")
            case "name" if token.text == "null":
                return Literal(token.at, "null", None)
            case "name":
                if self.take("("):
                    return Invoke(token.at, token.text, None, self.several(")"))
                return Name(token.at, token.text)
            case _:
                self.place -= 1
                return self.bracketed()

    def bracketed(self) -> Node:
        token = self.token
        if self.take("("):
            inner = self.expression()
            self.need(")")
            return inner
        if self.take("["):
            return Items(token.at, self.several("]"))
        if self.take("{"):
            pairs: list[tuple[Node, Node]] = []
            while not self.take("}"):
                key = self.expression()
                self.need(":")
                pairs.append((key, self.expression()))
                if not self.take(",") and self.token.text != "}":
                    self.fail("',' or '}' is missing")
            return Pairs(token.at, tuple(pairs))
        return self.fail(f"{token.text!r} is not expected here" if token.text else "it ends too early")

    def several(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.take(closing):
            found.append(self.expression())
            if not self.take(",") and self.token.text != closing:
                self.fail(f"',' or {closing!r} is missing")
        return tuple(found)


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise SyntaxProblem(f"{text[at]!r} does not belong here", at)
        if match.lastgroup and match.lastgroup != "space":
            found.append(_Token(match.lastgroup, match.group(), at))
        at = match.end()
    found.append(_Token("end", "", len(text)))
    return found


def _unquoted(text: str) -> str:
    """A string's text; escapes stay as they are, since nobody looks at more than names in it."""
    body = text.lstrip("rRbB")
    return body[3:-3] if body[:3] in ('"""', "'''") and len(body) >= 6 else body[1:-1]
