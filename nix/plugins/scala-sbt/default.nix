# Scala: sbt, scala, scala-cli, with this host's caches and the names of the usual repositories.
#
# The caches are overlays: the guest adds to what it sees in its own memory. Written to for real, a
# poisoned jar would run on this host at the next sbt. Not there: credentials, which lie beside them.
{
  nix.packages = [
    "jdk"
    "sbt"
    "scala"
    "scala-cli"
  ];
  network.domains = [
    "repo1.maven.org"
    "repo.maven.apache.org"
    "sonatype.org"
    "sonatype.com"
    "scala-sbt.org"
    "scala-lang.org"
    "typesafe.com"
    "lightbend.com"
    "jitpack.io"
    "github.com"
    "githubusercontent.com"
  ];
  mounts = import ../../host-overlays.nix {
    ".cache/coursier" = [
      "arc"
      "jvm"
      "v1"
    ];
    ".ivy2" = [
      "cache"
      "local"
    ];
    ".sbt" = [
      "boot"
      "launchers"
      "repositories"
    ];
  };
  scripts = [ ./scripts/credentials.sh ];
}
