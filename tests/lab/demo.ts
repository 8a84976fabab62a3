/**
 * `deno task demo`: shows a whole life of a machine in the lab. What is printed is what happens.
 */
import { enterLab } from "./enter.ts";

if (import.meta.main) {
  Deno.exit(await enterLab(["sh", "/src/tests/lab/demo.sh"]));
}
