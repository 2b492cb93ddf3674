"""The embedded queue: kombu's folders of messages, with every file appearing whole or not at all.

kombu opens a message under its final name and then writes it; a worker that lists the folder in between reads half a
message, and the decoding error ends the worker. The table of queues has the same gap at its first use. Here both are
written beside and then put in place by one file-system call.
"""

import contextlib
import os
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

SCHEME = "folder"


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override] # the bases disagree
        # Until the rename the name does not end in the queue's ".msg", so no reader takes it.
        place = Path(self.data_folder_out) / f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        written = place.with_suffix(".part")
        written.write_text(dumps(payload))
        os.replace(written, place)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        table = self._exchange_file(exchange)
        if not table.exists():
            self.control_folder.mkdir(parents=True, exist_ok=True)
            written = table.with_name(f"{uuid.uuid4()}.part")
            written.write_text("[]")
            with contextlib.suppress(FileExistsError):  # another process was first, and its table counts
                os.link(written, table)
            written.unlink()
        super()._queue_bind(exchange, routing_key, pattern, queue)


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
