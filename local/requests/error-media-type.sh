#!/bin/sh
# 415 UNSUPPORTED_MEDIA_TYPE: a form, which is what curl sends by default.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -d '{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}'
