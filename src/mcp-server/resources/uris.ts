/** Pattern of ids in URIs and arguments. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Template for the URI of a run, for `resources/templates/list`. */
export const EXECUTION_TEMPLATE = 'howdah://executions/{id}';

/** Returns the URI of a run. */
export function executionUri(id: string): string {
  return `howdah://executions/${id}`;
}

/** Returns the id of the run in a URI, or undefined if the URI names no run. */
export function executionOf(uri: string): string | undefined {
  const [, id] = /^howdah:\/\/executions\/([^/?#]+)$/.exec(uri) ?? [];
  return id !== undefined && UUID.test(id) ? id.toLowerCase() : undefined;
}
