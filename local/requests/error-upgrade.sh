#!/bin/sh
# 426 UPGRADE_REQUIRED: a GET where a WebSocket is; connect to it with a WebSocket client.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
