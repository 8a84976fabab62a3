# Docker in the guest: the daemon starts at its first use, and images come from Docker Hub.
{
  nix.modules = [ ./guest.nix ];
  network.domains = [
    "docker.com"
    "docker.io"
    # Where Docker Hub's layers are, beside docker.com.
    "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com"
  ];
}
