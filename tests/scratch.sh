# For scripts that install programs and start servers: `work` is a temporary folder, which is removed at the end, after
# the processes in `servers` were ended; `fail` says why a script ends, and `free_port` where a server may listen.
fail() {
  echo "FAILED: $1" >&2
  exit 1
}
work=$(mktemp -d)
servers=()
finish() {
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
