/**
 * Calls each function when the one before has ended, also when that one failed. At the end rejects
 * with the error as it is, or with an AggregateError of several.
 */
export async function runAll(functions: Iterable<() => unknown>): Promise<void> {
  const errors: unknown[] = [];
  for (const run of functions) {
    try {
      await run();
    } catch (error) {
      errors.push(error);
    }
  }
  throwAll(errors);
}

/** Waits until all promises are settled. Then rejects as `runAll` does. */
export async function settleAll(promises: Iterable<unknown>): Promise<void> {
  const results = await Promise.allSettled(promises);
  throwAll(results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])));
}

function throwAll(errors: readonly unknown[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('; '));
}
