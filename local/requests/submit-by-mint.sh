#!/bin/sh
# 202: tokens by mint, the amount as a string, half a per cent of slippage accepted.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{
    "tokenIn": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v",
    "tokenOut": "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263",
    "amount": "25.50",
    "slippageBps": 50
}'
