#!/usr/bin/env bash
# Where no container engine runs: carry out the image's steps in a minimal Debian of its own, as an
# unprivileged user, start the service there and send one notice with it, from the first operator to the proof.
# Needs root, debootstrap and Postfix's smtp-sink, which catches the notice; leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

release=bookworm
user=10001
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null || ! command -v smtp-sink >/dev/null; then
  echo "This needs root, debootstrap and smtp-sink (apt-get install debootstrap postfix)." >&2
  exit 1
fi
root=$(mktemp -d "${TMPDIR:-/tmp}/notifier-root-XXXXXX")
chmod 755 "$root" # The service's user must be able to enter.
service=
sink=
finish() {
  for process in $service $sink; do
    { kill -KILL "$process" && wait "$process"; } 2>/dev/null || true
  done
  rm -rf --one-file-system "$root"
}
trap finish EXIT

step() {
  printf '== %s\n' "$1"
}

# What runs something in there as the service's user, with nothing of this shell's settings but the registry's.
inside=(env --ignore-environment)
for name in PIP_INDEX_URL PIP_DEFAULT_TIMEOUT HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
  [ -z "${!name:-}" ] || inside+=("$name=${!name}")
done
inside+=(
  PATH=/opt/notifier/bin:/usr/local/bin:/usr/bin:/bin HOME=/var/lib/notifier
  NOTIFIER_HOME=/var/lib/notifier/home PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
  "$(command -v chroot)" --userspec="$user:$user" "$root"
)

step "A minimal Debian ($release)"
# From the mirror this machine uses itself.
mirror=$(apt-get indextargets --format "\$(REPO_URI) \$(RELEASE)" | awk -v release="$release" '$2 == release { print $1; exit }')
# The build stage's packages; the packages are listed in the Dockerfile too.
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv "$release" "$root" \
  ${mirror:+"$mirror"} >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"
# Names resolve and certificates are checked as on this machine.
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

step "The image's install steps, as user $user"
mkdir -p "$root/source/docker"
tar --create --exclude=__pycache__ LICENSE README.md pyproject.toml incidents notifier templates \
  docker/build.lock docker/runtime.lock docker/install.sh docker/start.sh | tar --extract --directory "$root/source"
install --directory --owner "$user" --group "$user" "$root/opt/notifier"
install --directory --mode 0700 --owner "$user" --group "$user" "$root/var/lib/notifier"
"${inside[@]}" sh /source/docker/install.sh /source /opt/notifier
# From here on the program cannot change itself, as in the image.
chown -R 0:0 "$root/opt/notifier"

step "A mail catcher, as the relay"
free='import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
port=$("${inside[@]}" python3 -c "$free")
install --directory --owner nobody "$root/caught"
smtp-sink -u nobody -R "$root/caught" -d message. "127.0.0.1:$port" 10 &
sink=$!
printf -v relays '[{"name": "catcher", "host": "127.0.0.1", "port": %d, "tls": "none"}]' "$port"
# The settings come in as a container's do.
inside+=(
  env INIT_OPTIONS="--brand Acme --domain acme.example" NOTIFIER_EMAIL__RELAYS="$relays"
  NOTIFIER_APPROVAL__COUNTDOWN_SECONDS=1
)

step "The service starts and answers"
: >"$root/service.log"
"${inside[@]}" sh /source/docker/start.sh --host 127.0.0.1 --port 0 2>"$root/service.log" &
service=$!
url=
for _ in $(seq 300); do
  url=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$root/service.log")
  [ -z "$url" ] || break
  kill -0 "$service" 2>/dev/null || break
  sleep 0.2
done
if [ -z "$url" ]; then
  cat "$root/service.log" >&2
  exit 1
fi
fetch='import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())'
health=$("${inside[@]}" python3 -c "$fetch" "$url/healthz")
echo "$health"
[[ $health == *'"status":"ok"'* ]]
[[ $("${inside[@]}" python3 -c "$fetch" "$url/check") == *'<form method="post"'* ]]

step "It sends one notice, which the trail proves"
"${inside[@]}" python - /caught <docker/send_one.py || { cat "$root/service.log" >&2; exit 1; }

step "It drains"
kill -TERM "$service"
wait "$service"
service=
grep -q '"event":"service.stopped"' "$root/service.log"
[ "$(find "$root/caught" -type f | wc -l)" = 1 ] || { echo "More was sent than the one notice." >&2; exit 1; }

step "Nothing was written beside the state folder"
left=$(find "$root" -xdev -user "$user" ! -path "$root/var/lib/notifier*" ! -path "$root/tmp*" ! -path "$root/proc*")
[ -z "$left" ] || { echo "$left" >&2; exit 1; }
echo "The image's steps work in a clean root."
