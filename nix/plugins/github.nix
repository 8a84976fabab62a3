# What git, gh and archives from GitHub need in filtered mode.
{
  network.domains = [
    "github.com"
    "githubusercontent.com"
    "githubassets.com"
  ];
}
