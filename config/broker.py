"""The two queues, each with a gap of kombu's closed.

The embedded one: kombu's folders of messages, with every file appearing whole or not at all.

kombu opens a message under its final name and then writes it; a worker that lists the folder in between reads half a
message, and the decoding error ends the worker. The table of queues has the same gap at its first use. Here both are
written beside and then put in place by one file-system call.

Redis: a worker whose Redis is full cannot take a finished message off the list, counts it as one in hand and, with its
hands full, never takes another one, however long Redis has been well again. Here such a message is let go.
"""

import contextlib
import os
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem, redis, virtual
from kombu.utils.json import dumps
from redis.exceptions import ResponseError

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


class RedisQoS(redis.QoS):
    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except ResponseError:  # full: what stays on Redis's own list comes again in an hour, and costs one tick
            virtual.QoS.ack(self, delivery_tag)


class RedisChannel(redis.Channel):
    QoS = RedisQoS


class RedisTransport(redis.Transport):
    Channel = RedisChannel


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = f"{__name__}:RedisTransport"
