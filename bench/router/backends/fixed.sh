#!/bin/sh
# Stands in for puma where the proxies are measured: an nginx that responds to every request with the same 2 KB.
# Listens on $SOCKET, or on $PORT without it, and on $BENCH_PORT if set. Runs on the core $BENCH_CORE if set.
set -eu
folder=$BENCH_FOLDER/fixed-$$
mkdir "$folder"
reply=$(head -c 1536 /dev/zero | base64 -w 0)
{
  echo "daemon off; master_process off; pid $folder/pid; error_log stderr error; events { worker_connections 1024; } http {"
  for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $folder/$kind;"; done
  echo "access_log off; keepalive_timeout 95s; keepalive_requests 1000000000; default_type text/plain; server {"
  if [ -n "${SOCKET:-}" ]; then echo "listen unix:$SOCKET;"; else echo "listen 127.0.0.1:$PORT;"; fi
  if [ -n "${BENCH_PORT:-}" ]; then echo "listen 127.0.0.1:$BENCH_PORT;"; fi
  echo "location / { return 200 '$reply'; } } }"
} >"$folder/nginx.conf"
[ -z "${SOCKET:-}" ] || echo "$SOCKET" >"$BENCH_FOLDER/socket"
PATH=$PATH:/usr/sbin
exec ${BENCH_CORE:+taskset -c "$BENCH_CORE"} nginx -p "$folder" -c "$folder/nginx.conf" -e stderr
