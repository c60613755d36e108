"""Hand spans on in batches, from a thread of its own: nothing waits for a collector."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = structlog.get_logger()

_BATCH: Final = 512
"""OpenTelemetry's own default (SDK configuration, ``OTEL_BSP_MAX_EXPORT_BATCH_SIZE``)."""
_EVERY_S: Final = 1.0


class BoundedExport(SpanProcessor):
    """Keeps spans until the thread has handed them on; what there is no room for is dropped.

    A collector that is away or hangs costs what it could not take, and one warning: it is said
    once that spans are lost, and once that they arrive again.
    """

    def __init__(
        self, exporter: SpanExporter, *, most_waiting: int, every_s: float = _EVERY_S
    ) -> None:
        """Start the thread.

        Args:
            exporter: Hands a batch on, or fails, within a time of its own.
            most_waiting: How many spans may wait.
            every_s: How long a span waits for others.
        """
        self._exporter = exporter
        self._most_waiting = most_waiting
        self._every_s = every_s
        self._waiting: deque[ReadableSpan] = deque()
        self._wake = threading.Event()
        self._is_closing = False
        self._is_losing = False
        self.dropped = 0
        """How many spans were lost so far."""
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: a span is handed on when it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span, if there is room."""
        if len(self._waiting) >= self._most_waiting or self._is_closing:
            self.dropped += 1
            return
        self._waiting.append(span)
        if len(self._waiting) >= _BATCH:
            self._wake.set()

    def shutdown(self) -> None:
        """Do nothing; ``finish`` does, in a time that is said."""

    def finish(self, timeout_s: float) -> None:
        """Hand on what waits, for at most ``timeout_s``, and take nothing more."""
        self._is_closing = True
        self._wake.set()
        self._thread.join(timeout_s)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's
        """Wait for nothing."""
        return True

    def _run(self) -> None:
        while not self._is_closing:
            self._wake.wait(self._every_s)
            self._wake.clear()
            self._empty()
        self._empty()
        self._exporter.shutdown()

    def _empty(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            is_taken = _succeeds(lambda: self._exporter.export(batch))  # noqa: B023 - called here
            if not is_taken:
                self.dropped += len(batch)
            self._tell(is_losing=not is_taken)
            if not is_taken:
                return

    def _tell(self, *, is_losing: bool) -> None:
        if is_losing and not self._is_losing:
            log.warning("telemetry.not_taken", dropped=self.dropped)
        elif self._is_losing and not is_losing:
            log.info("telemetry.taken_again", dropped=self.dropped)
        self._is_losing = is_losing


def _succeeds(export: Callable[[], SpanExportResult]) -> bool:
    try:
        return export() is SpanExportResult.SUCCESS
    except Exception:  # noqa: BLE001 - whatever it is, the thread must go on, and it is counted
        return False
