#!/bin/sh
# 202: an order that rests until a new token, named by its mint, trades at 0.001 SOL each or less.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "SOL", "tokenOut": "J786zrFsyA1MrT2FivecNZw9M4H9Rjxvki8nuQrXbywQ", "amount": 1, "type": "sniper", "maxPrice": "0.001", "minLiquidity": "100", "expiresInMs": 3600000}'
