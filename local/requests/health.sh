#!/bin/sh
# 200: whether all is well; 503 when a server behind the engine is away.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/health"
