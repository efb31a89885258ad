"""A hash of the code behind a stage, so that an edit of an imported module is noticed.

It covers the module and every module of the library that it imports, directly or not, wherever the import stands.
Comments, docstrings and layout do not count: the hash is over syntax trees without them. Nothing is executed.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

_PACKAGE = "narrowgauge"
_SOURCE = Path(__file__).resolve().parents[1]


def code_version(module: str, package: str = _PACKAGE, source: Path = _SOURCE) -> str:
    """16 hexadecimal digits that change with the code behind a module.

    Args:
        module: dotted name, e.g. ``narrowgauge.stages.train``.
        package: only modules below this one are followed.
        source: the folder of that package.

    Raises:
        ModuleNotFoundError: there is no such module.
    """
    tree = _Package(package, source)
    waiting, seen = [module], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += tree.imports_of(name)
    digest = hashlib.sha256()
    for name in sorted(seen):
        digest.update(f"{name}\n{tree.code_of(name)}\n".encode())
    return digest.hexdigest()[:16]


class _Package:
    def __init__(self, name: str, source: Path) -> None:
        self._name = name
        self._source = source

    def code_of(self, module: str) -> str:
        return _parse(self._file(module), self._stamp(module))[0]

    def imports_of(self, module: str) -> list[str]:
        """Modules of the package that a module imports, and the packages that hold it."""
        parents = [module.rsplit(".", depth)[0] for depth in range(1, module.count(".") + 1)]
        names = _parse(self._file(module), self._stamp(module))[1]
        # `from a.b import c` names the module a.b.c or something inside a.b.
        found = [self._module_of(name) for name in names if name.split(".")[0] == self._name]
        return [*parents, *(name for name in found if name)]

    def _module_of(self, name: str) -> str | None:
        while name:
            if self._find(name):
                return name
            name = name.rpartition(".")[0]
        return None

    def _find(self, module: str) -> Path | None:
        below = self._source.joinpath(*module.split(".")[1:])
        candidates = (below / "__init__.py", below.with_suffix(".py"))
        return next((file for file in candidates if file.is_file()), None)

    def _file(self, module: str) -> Path:
        file = self._find(module)
        if file is None:
            raise ModuleNotFoundError(f"there is no module {module} below {self._source}")
        return file

    def _stamp(self, module: str) -> int:
        return self._file(module).stat().st_mtime_ns


@cache
def _parse(file: Path, modified: int) -> tuple[str, tuple[str, ...]]:
    """The code of a file as text without positions, and the dotted names that it imports."""
    tree = _without_docstrings(ast.parse(file.read_text(encoding="utf-8"), str(file)))
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{file}:{node.lineno}: relative imports cannot be followed; name the module in full")
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return ast.dump(tree), tuple(names)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Drop every statement that is only a string: docstrings, those of attributes too."""
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                setattr(node, block, [statement for statement in statements if not _is_string(statement)])
    return tree


def _is_string(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
