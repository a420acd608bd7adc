#!/bin/sh
# 400 INVALID_JSON: not JSON.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "SOL",'
