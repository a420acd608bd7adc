#!/bin/sh
# 202: an order that rests until 1.5 SOL bring 160 USDC each or more, for an hour at most.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5, "type": "limit", "limitPrice": "160", "expiresInMs": 3600000}'
