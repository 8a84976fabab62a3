/** Whether vfkit takes a path, in an option or as a URL. */
export function isPlainPath(path: string): boolean {
  return /^\/[^,\s"'%?#\\]*$/.test(path);
}
