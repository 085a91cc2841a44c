/** Ids as they stand in URIs and arguments. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Of one run, for `resources/templates/list`. */
export const EXECUTION_TEMPLATE = 'howdah://executions/{id}';

/** The URI of a run. */
export function executionUri(id: string): string {
  return `howdah://executions/${id}`;
}

/** The run a URI names; undefined when it names none. */
export function executionOf(uri: string): string | undefined {
  const [, id] = /^howdah:\/\/executions\/([^/?#]+)$/.exec(uri) ?? [];
  return id !== undefined && UUID.test(id) ? id.toLowerCase() : undefined;
}
