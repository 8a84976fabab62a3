/**
 * Zod, by an address that needs no settings of the importing program's: the library is imported from
 * anywhere. The version is that of deno.json; a test compares them.
 */
export * from "npm:zod@4.6.7/mini";
