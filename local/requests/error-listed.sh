#!/bin/sh
# 409 TOKEN_LISTED: a token that is traded already.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "SOL", "tokenOut": "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263", "amount": 1, "type": "sniper", "maxPrice": "0.001"}'
