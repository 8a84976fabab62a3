{
  nixbox.docker.enable = true;
}
