#!/bin/sh
# 200: what every venue offers now; no order is placed.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/quote?tokenIn=SOL&tokenOut=USDC&amount=1.5&slippageBps=100" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
