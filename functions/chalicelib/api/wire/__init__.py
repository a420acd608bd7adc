"""The JSON of the API: the only place that knows its keys.

schemas.py    every object, field by field; openapi.json and the README's tables are generated from it
codes.py      every error code, its HTTP status and when it is given
requests.py   JSON → domain: bodies, parameters, messages on a connection
answers.py    domain → JSON: orders, quotes, errors, answers on a connection
events.py     domain → JSON: events, as they are stored, published and streamed
queue.py      an order's message in the queue, both ways
ids.py        JSON → domain: an order's id
"""
