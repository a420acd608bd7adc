"""The JSON of the API: the only place that knows its keys.

schemas.py    every object, field by field; openapi.json and the README's tables are generated from it
codes.py      every error code, its HTTP status and when it is given
requests.py   JSON → domain: bodies, parameters, messages on a connection
answers.py    domain → JSON: orders, events, quotes, errors
"""
