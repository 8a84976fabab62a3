import assert from "node:assert/strict";
import { commandNames } from "../../../packaging/bundle.ts";
import { manPage } from "../../../packaging/man_page.ts";

const help = `USAGE
  nixbox up
  nixbox up --help

Boots it.
.hidden from a page if it were a request

EXAMPLES
  nixbox up --dry-run   show C:\\plans

FLAGS
     [--dry-run]  do nothing
`;

Deno.test("a command's help becomes a section with its usage, text, examples and flags", () => {
  const page = manPage("1.2.3", "USAGE\n  nixbox up\n\nAll of it.\n", [{ command: "up", help }]);
  assert.match(page, /^\.TH NIXBOX 1 "" "nixbox 1\.2\.3"/);
  const section = page.slice(page.indexOf(".SS nixbox up"), page.indexOf(".SH EXIT STATUS"));
  assert.match(section, /\.nf\n {2}nixbox up\n {2}nixbox up \\-\\-help\n\.fi/);
  assert.match(section, /\.PP\nBoots it\./);
  assert.match(section, /\.I examples\n\.PP\n\.nf\n {2}nixbox up \\-\\-dry\\-run/);
  assert.match(section, /\.I flags/);
});

Deno.test("what groff would take for a request or an escape is text", () => {
  const page = manPage("1", "", [{ command: "up", help }]);
  assert.match(page, /^\\&\.hidden/m);
  assert.match(page, /C:\\eplans/);
});

Deno.test("the commands are those that the help lists", () => {
  const text =
    "USAGE\n\nCOMMANDS\n  project\n    init         write\n\n  machine\n    ssh-config   print\n\nOPTIONS\n  -h  help\n";
  assert.deepEqual(commandNames(text), ["init", "ssh-config"]);
});
