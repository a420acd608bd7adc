#!/bin/sh
# 409 EXPIRY_OUT_OF_RANGE: a time that is over.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1, "expiresAt": "2020-01-31T12:00:00Z"}'
