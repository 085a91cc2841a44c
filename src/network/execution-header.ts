/**
 * The header by which tools and engines say which run sends a request. The API takes it for the
 * cause of what the request does, so that a run cannot rate itself with an API key.
 */
export const EXECUTION_HEADER = 'howdah-execution';

const ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Returns the id of the run that sent a request, or undefined if no run did. */
export function parseExecutionHeader(value: unknown): string | undefined {
  return typeof value === 'string' && ID.test(value) ? value : undefined;
}
