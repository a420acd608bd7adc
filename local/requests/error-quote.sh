#!/bin/sh
# 409 INSUFFICIENT_LIQUIDITY: the least amount of BONK buys no unit of USDC.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/quote?tokenIn=BONK&tokenOut=USDC&amount=0.00001" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
