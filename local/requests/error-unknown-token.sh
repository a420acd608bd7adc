#!/bin/sh
# 404 UNKNOWN_TOKEN: the answer lists those that there are.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "DOGE", "tokenOut": "USDC", "amount": 1}'
