#!/bin/sh
# Gives sbt and coursier the credentials of a private repository, from the project's env:
#   MAVEN_REPO_URL, MAVEN_REPO_USER, MAVEN_REPO_PASSWORD, and MAVEN_REPO_REALM for sbt.
set -eu
[ -n "${MAVEN_REPO_URL:-}" ] && [ -n "${MAVEN_REPO_USER:-}" ] || exit 0
umask 077
host=${MAVEN_REPO_URL#*://}
host=${host%%/*}
host=${host%%:*}

mkdir -p ~/.sbt/1.0 ~/.config/coursier
{
  printf 'realm=%s\n' "${MAVEN_REPO_REALM:-Sonatype Nexus Repository Manager}"
  printf 'host=%s\nuser=%s\n' "$host" "$MAVEN_REPO_USER"
  printf 'password=%s\n' "${MAVEN_REPO_PASSWORD:-}"
} >~/.sbt/.credentials
echo 'credentials += Credentials(Path.userHome / ".sbt" / ".credentials")' \
  >~/.sbt/1.0/nixbox-credentials.sbt
{
  printf 'nixbox.host=%s\nnixbox.username=%s\n' "$host" "$MAVEN_REPO_USER"
  printf 'nixbox.password=%s\n' "${MAVEN_REPO_PASSWORD:-}"
} >~/.config/coursier/credentials.properties
echo "credentials for $host are in place"
