#!/usr/bin/env bash
# A Prefect server and a worker on this machine, with the deployments of prefect.yaml; Ctrl-C stops both.
# PORT (4200), BIN (where `prefect` lies); for alerts TRACER_ALERT_URL or TRACER_ALERT_BLOCK.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="${BIN:-.venv/bin}"
export PREFECT_HOME="${PREFECT_HOME:-$PWD/var/prefect}" PREFECT_CLI_PROMPT=false
export PREFECT_API_URL="http://127.0.0.1:${PORT:-4200}/api"
export PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1 GX_ANALYTICS_ENABLED=false

mkdir -p "$PREFECT_HOME"
trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT
"$bin/prefect" server start --host 127.0.0.1 --port "${PORT:-4200}" > "$PREFECT_HOME/server.log" 2>&1 &
until "$bin/python" -c "import urllib.request as r; r.urlopen('$PREFECT_API_URL/health')" 2> /dev/null; do
  kill -0 $! || exit 1
  sleep 1
done
# One run at a time: the warehouse has one writer.
"$bin/prefect" work-pool create tracer --type process --overwrite
"$bin/prefect" work-pool set-concurrency-limit tracer 1
"$bin/prefect" deploy --all
if [ -n "${TRACER_ALERT_URL:-}${TRACER_ALERT_BLOCK:-}" ]; then "$bin/python" flows/alerts.py; fi
echo "Prefect: http://127.0.0.1:${PORT:-4200}"
"$bin/prefect" worker start --pool tracer
