/** Returns an id for OpenAI's clients: a prefix and the 32 digits of a UUID. */
export function wireId(prefix: string, uuid: string): string {
  return `${prefix}_${uuid.replaceAll('-', '')}`;
}

/**
 * Returns the UUID in an id of `wireId`, which a number may follow. Returns undefined for other
 * ids.
 */
export function uuidIn(prefix: string, id: string): string | undefined {
  const digits = new RegExp(`^${prefix}_([0-9a-f]{32})(?:_\\d{1,9})?$`).exec(id)?.[1];
  return digits?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
