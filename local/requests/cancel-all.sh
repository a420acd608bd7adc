#!/bin/sh
# 200: cancels those of your limit orders that sell SOL for USDC; without parameters all that rest.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders?tokenIn=SOL&tokenOut=USDC&type=limit" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} -X DELETE
