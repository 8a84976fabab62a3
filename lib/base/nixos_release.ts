/** Whether a text is a release of NixOS, as `system.stateVersion` and os-release(5) have it: "25.11". */
export function isRelease(text: string): boolean {
  return /^[0-9]{2}\.[0-9]{2}$/.test(text);
}
