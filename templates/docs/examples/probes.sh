curl -sS --fail-with-body http://127.0.0.1:8000/healthz
curl -sS --fail-with-body http://127.0.0.1:8000/readyz
curl -sS --fail-with-body http://127.0.0.1:8000/metrics
