#!/bin/sh
# 400 INVALID_IDEMPOTENCY_KEY: a key of more than 64 characters.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -H 'Idempotency-Key: 0123456789012345678901234567890123456789012345678901234567890123456789' \
    -d '{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}'
