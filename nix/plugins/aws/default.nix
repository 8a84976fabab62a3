# AWS: the command line, the names of its services, and short-lived credentials from this host.
{
  nix.packages = [ "awscli2" ];
  network.domains = [
    "amazonaws.com"
    "aws.amazon.com"
    "api.aws"
    "awsapps.com"
  ];
}
