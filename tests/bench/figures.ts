/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** One line of a table: name, median, range, and a remark. Times are milliseconds. */
export function row(name: string, values: readonly number[], remark = ""): string {
  const range = `${Math.min(...values).toFixed(0)}..${Math.max(...values).toFixed(0)}`;
  return `  ${name.padEnd(34)} ${
    `${median(values).toFixed(0)} ms`.padStart(9)
  }  (${range})  ${remark}`;
}

/** How many milliseconds something takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
