"""The dashboard and the alert rules ask for what ``/metrics`` has, by labels that it has."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import Any, Final

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from server.http.metrics import Figure, Metrics, Sample
from server.kernel.telemetry import Stage
from tests.support.tree import ROOT

DASHBOARD: Final = ROOT / "packaging" / "grafana" / "parley.json"
RULES: Final = ROOT / "packaging" / "prometheus" / "parley.rules.yaml"

# Prometheus's own, and what it adds to every series.
_OF_PROMETHEUS: Final = {"up": {"job", "instance"}}
_ADDED: Final = {"job", "instance"}
_NAME: Final = re.compile(r"\b((?:parley|process)_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER: Final = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*')
_BY: Final = re.compile(r"\bby\s*\(([^)]*)\)")
_SEVERITIES: Final = {"critical", "warning", "info"}


@cache
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


@cache
def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["definition"]
    for alert in alerts():
        yield f"alert {alert['alert']}", alert["expr"]


async def known() -> dict[str, set[str]]:
    """Every series that a process may show, with its labels."""
    metrics = Metrics()
    metrics.request("GET", "/", 200, 0.1)
    metrics.ask(lambda: [Sample(figure, 1, tuple("x" for _ in figure.labels)) for figure in Figure])
    series: dict[str, set[str]] = {}
    for family in text_string_to_metric_families((await metrics.text()).decode()):
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    return series


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
async def test_what_is_asked_for_is_there(where: str, expression: str) -> None:
    series = {**await known(), **_OF_PROMETHEUS}
    found = _NAME.findall(expression)
    assert found, f"{where} asks for nothing"
    labels = set(_ADDED)
    for name, matchers in found:
        if name.startswith("process_") and sys.platform != "linux":
            continue
        assert name in series, where
        labels |= series[name]
        parts = _MATCHER.findall(matchers)
        assert ",".join(f'{label}{how}"{value}"' for label, how, value in parts) == matchers.replace(
            ", ", ","
        )
        for label, _, value in parts:
            assert label in series[name] | _ADDED, where
            if label == "stage":
                assert value in set(Stage), where
    for group in _BY.findall(expression):
        assert {label.strip() for label in group.split(",")} <= labels, where


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_brackets_are_closed(where: str, expression: str) -> None:
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    waiting: list[str] = []
    for char in bare:
        if char in "([{":
            waiting.append(")]}"["([{".index(char)])
        elif char in ")]}":
            assert waiting.pop() == char, where
    assert not waiting, where


def test_every_figure_of_a_server_is_on_the_dashboard() -> None:
    asked = " ".join(expression for _, expression in expressions())
    assert [figure.label for figure in Figure if figure.label not in asked] == []


def test_panels_have_a_place_and_a_source_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert 0 <= place["x"] <= 24 - place["w"], panel["title"]
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_alerts_say_what_to_do() -> None:
    names = [alert["alert"] for alert in alerts()]
    assert len(set(names)) == len(names)
    for alert in alerts():
        assert set(alert) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smh]", alert["for"])
        assert alert["labels"]["severity"] in _SEVERITIES
        assert set(alert["annotations"]) == {"summary", "description"}
        assert alert["annotations"]["description"].endswith((".", "?"))


def test_the_alerts_are_described() -> None:
    text = (ROOT / "docs" / "operating" / "operations.md").read_text(encoding="utf-8")
    assert [alert["alert"] for alert in alerts() if f"`{alert['alert']}`" not in text] == []
    assert [figure.label for figure in Figure if f"`{figure.label}`" not in text] == []
