#!/bin/sh
# 400 INVALID_QUOTE_ID: no quote came with such an id.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1, "quoteId": "2026-01-31"}'
