#!/bin/sh
# 201: the address of a WebSocket, with a ticket in it where the engine takes API keys, for a browser.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/tickets" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} -X POST
