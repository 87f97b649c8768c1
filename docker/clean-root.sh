#!/usr/bin/env bash
# Where no container engine runs: carry out the image's steps in a minimal Debian of its own, as an
# unprivileged user, start the service there and use it. Needs root and debootstrap; leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

release=bookworm
user=10001
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
  echo "This needs root and debootstrap (apt-get install debootstrap)." >&2
  exit 1
fi
root=$(mktemp -d "${TMPDIR:-/tmp}/notifier-root-XXXXXX")
chmod 755 "$root" # The service's user must be able to enter.
service=
finish() {
  [ -z "$service" ] || kill -KILL "$service" 2>/dev/null || true
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

step "The service starts, answers and drains"
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
kill -TERM "$service"
wait "$service"
service=
grep -q '"event":"service.stopped"' "$root/service.log"

step "Notices go out to the built-in sink, and are proven"
"${inside[@]}" notifier demo --people 200 --to /var/lib/notifier/demo >"$root/demo.log" 2>&1 \
  || { cat "$root/demo.log" >&2; exit 1; }
tail -n 25 "$root/demo.log"
grep -q "unaccounted: 0" "$root/demo.log"
grep -q "audit trail: verified" "$root/demo.log"

step "Nothing was written beside the state folder"
left=$(find "$root" -xdev -user "$user" ! -path "$root/var/lib/notifier*" ! -path "$root/tmp*" ! -path "$root/proc*")
[ -z "$left" ] || { echo "$left" >&2; exit 1; }
echo "The image's steps work in a clean root."
