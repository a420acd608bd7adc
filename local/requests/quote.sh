#!/bin/sh
# 200: what both venues offer now; nothing is ordered.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/quote?tokenIn=SOL&tokenOut=USDC&amount=1.5&slippageBps=100"
