"""Traces of servers that run, as a collector gets them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from common.ids import new_id
from server.bootstrap import Server
from server.kernel.telemetry import Stage
from server.settings import Role, Settings, SettingsError
from tests.support.client import client, direct_room, register
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client


class Collector:
    """Keeps the spans that are sent to it: role, name, trace, each once."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str, bytes]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the library has it
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            said = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [(said["parley.role"], span.name, span.trace_id) for span in scope.spans]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


async def _talk(one: Server, other: Server) -> None:
    mira, dario = await register(one.url, "mira"), await register(other.url, "dario")
    room = (await direct_room(one.url, mira, dario)).room_id
    async with client(one.url, mira) as a, client(other.url, dario):
        await a.say(room, "hello")


async def test_one_process(tmp_path: Path, collector: Collector) -> None:
    server = Server(Settings(data=tmp_path / "data", port=0, otel_endpoint=collector.url))
    await server.start()
    try:
        await _talk(server, server)
    finally:
        await server.stop()
    whole = {"message", *(f"message {stage}" for stage in Stage if stage is not Stage.WHOLE)}
    assert {name for _, name, _ in collector.spans} == whole
    assert len({trace for *_, trace in collector.spans}) == 1


@pytest.mark.usefixtures("quiet_kafka")
async def test_a_gateway_and_a_core_over_kafka(tmp_path: Path, collector: Collector) -> None:
    async with redis_client():
        gateway_settings = Settings(
            data=tmp_path / "data",
            port=0,
            role=Role.GATEWAY,
            database_url=await postgres_url(tmp_path),
            redis_url=services().url("redis"),
            kafka_servers=services().url("kafka"),
            kafka_prefix=f"{new_id()}.",
            otel_endpoint=collector.url,
        )
        core, gateway = Server(replace(gateway_settings, role=Role.CORE)), Server(gateway_settings)
        try:
            await core.start()
            await gateway.start()
            await _talk(gateway, gateway)
        finally:
            await gateway.stop()
            await core.stop()
    assert {(role, name.removeprefix("message ")) for role, name, _ in collector.spans} == {
        ("gateway", "message"),
        ("gateway", "publish"),
        ("core", "queue"),
        ("core", "transaction"),
        ("core", "deliver"),
        ("gateway", "fan_out"),
    }
    assert len({trace for *_, trace in collector.spans}) == 1


async def test_without_the_extra_the_setting_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "server.infra.otel", None)
    server = Server(Settings(data=tmp_path / "data", port=0, otel_endpoint="http://127.0.0.1:4318"))
    with pytest.raises(SettingsError, match="needs the extra otel"):
        await server.start()


async def test_without_the_extra_a_variable_for_all_programs_is_only_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expect_log: Callable[..., None]
) -> None:
    expect_log("traces_not_sent")
    monkeypatch.setitem(sys.modules, "server.infra.otel", None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    server = Server(Settings(data=tmp_path / "data", port=0))
    await server.start()
    await server.stop()
