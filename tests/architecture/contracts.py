"""Import-linter contract types that its own five do not cover; pyproject.toml names and uses them."""

from __future__ import annotations

import ast
import sys
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import grimp
from importlinter import Contract, ContractCheck, fields, output


def _within(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


class _DirectImports(Contract):
    """Judges each direct import by itself; prints `importer -> imported` for each that is not allowed."""

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        del verbose
        found = sorted(set(self._violations(graph)))
        return ContractCheck(kept=not found, metadata={"violations": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["violations"]:
            output.print_error(f"{importer} -> {imported}", bold=False)
        output.new_line()

    @abstractmethod
    def _violations(self, graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
        """Pairs of importer and imported, in any order, repeats allowed."""


class AllowedExternals(_DirectImports):
    """`package` imports itself, the standard library and `allowed`, and nothing else, ours or foreign."""

    type_name = "allowed_externals"
    package = fields.StringField()
    allowed = fields.ListField(subfield=fields.StringField())

    def _violations(self, graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
        package = cast("str", self.package)
        allowed = {package, *cast("list[str]", self.allowed), *sys.stdlib_module_names}
        for importer in {package, *graph.find_descendants(package)}:
            for imported in graph.find_modules_directly_imported_by(importer):
                if imported.partition(".")[0] not in allowed:
                    yield importer, imported


class ConfinedExternals(_DirectImports):
    """`externals` are imported only inside `allowed_importers`; who imports those is free to do so."""

    type_name = "confined_externals"
    externals = fields.ListField(subfield=fields.StringField())
    allowed_importers = fields.ListField(subfield=fields.StringField())

    def _violations(self, graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
        allowed = cast("list[str]", self.allowed_importers)
        for external in cast("list[str]", self.externals):
            if external not in graph.modules:
                continue
            for importer in graph.find_modules_that_directly_import(external):
                if not _within(importer, allowed):
                    yield importer, external


class QtModules(_DirectImports):
    """`packages` import none of the PySide6 modules `forbidden`, directly.

    The graph knows PySide6 as one name only, so the importing files themselves are read; lint-imports runs at
    the root of the tree.
    """

    type_name = "qt_modules"
    packages = fields.ListField(subfield=fields.StringField())
    forbidden = fields.ListField(subfield=fields.StringField())

    def _violations(self, graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
        if "PySide6" not in graph.modules:
            return
        forbidden = [f"PySide6.{name}" for name in cast("list[str]", self.forbidden)]
        for importer in graph.find_modules_that_directly_import("PySide6"):
            if _within(importer, cast("list[str]", self.packages)):
                for imported in _imported_names(importer):
                    if _within(imported, forbidden):
                        yield importer, imported


def _imported_names(module: str) -> Iterator[str]:
    """Full dotted names of everything that a module of the tree in the working directory imports."""
    path = Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
