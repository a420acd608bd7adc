#!/bin/sh
# 200: several orders at once; each is answered in its place, with its id or its error.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/batch" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{
    "orders": [
        {
            "tokenIn": "SOL",
            "tokenOut": "USDC",
            "amount": "0.5"
        },
        {
            "tokenIn": "USDC",
            "tokenOut": "SOL",
            "amount": "75",
            "type": "limit",
            "limitPrice": "0.01",
            "expiresInMs": 3600000
        }
    ]
}'
