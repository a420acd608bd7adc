#!/bin/sh
# 200: what a SOL has cost at every venue, at each of the last 60 seconds.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/prices?tokenIn=SOL&tokenOut=USDC&everyMs=1000&count=60" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
