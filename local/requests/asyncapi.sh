#!/bin/sh
# 200: the WebSocket, as AsyncAPI 3.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/asyncapi.json" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
