#!/bin/sh
# Start the service in NOTIFIER_HOME; on the first start make the installation there, with the options in
# INIT_OPTIONS, such as "--brand Acme --domain acme.example". Arguments are those of `notifier serve`.
set -eu
umask 077
if [ ! -e "$NOTIFIER_HOME/notifier.toml" ]; then
  # shellcheck disable=SC2086 # several options are several words
  notifier init ${INIT_OPTIONS:-}
fi
exec notifier serve "$@"
