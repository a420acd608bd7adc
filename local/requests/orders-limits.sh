#!/bin/sh
# 200: the newest limits that sell SOL for USDC, since a time.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders?type=limit&tokenIn=SOL&tokenOut=USDC&from=2026-01-31T12:00:00Z" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
