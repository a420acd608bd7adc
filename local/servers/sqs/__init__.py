"""SQS on this machine, in process or over HTTP, with messages that survive kill -9.

queue.py     one queue, pure: heaps and an ordered dict   ◀── message.py, timeline.py
broker.py    named queues on a loop, long polls           ◀── attributes.py, named.py, polls.py
journal.py   the file, and records.py what its lines say
protocol.py  SQS's JSON protocol                          ◀── params.py, outgoing.py, moves.py, errors.py
server.py    HTTP; __main__.py the process; process.py its life as a server of the engine's
"""

from __future__ import annotations

from .process import Sqs

__all__ = ["Sqs"]
