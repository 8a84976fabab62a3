/** Stricli, by an address that needs no settings beside the program: it runs from anywhere. */
export * from "npm:@stricli/core@1.3.0";
