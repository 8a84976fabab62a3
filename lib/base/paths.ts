/** What follows from the text of a path alone: nothing here asks the disk. */

/** An absolute path without "." and "..", from one that may be relative to `directory`. */
export function resolvePath(directory: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${directory}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** The directory that a path lies in; "/" lies in itself. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** The last name of a path; empty if it ends with a slash. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The path of a name, or of a relative path, in a directory. */
export function joinPath(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

/** Whether `path` is `directory` or below it; both without symlinks and trailing slashes. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(joinPath(directory, ""));
}

/** The way from a directory to what is within it; empty for the directory itself. */
export function pathBelow(path: string, directory: string): string {
  return path.slice(joinPath(directory, "").length);
}

/** `~` and `~/x` are the home directory and what is in it; of the host or the guest. */
export function expandHome(path: string, home: string): string {
  if (path === "~") return home;
  return path.startsWith("~/") ? joinPath(home, path.slice(2)) : path;
}
