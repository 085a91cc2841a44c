/** Ids as OpenAI's clients see them: a prefix and the 32 digits of a uuid of ours. */
export function wireId(prefix: string, uuid: string): string {
  return `${prefix}_${uuid.replaceAll('-', '')}`;
}

/** The uuid in such an id, whatever follows it; undefined when it is none of ours. */
export function uuidIn(prefix: string, id: string): string | undefined {
  const digits = new RegExp(`^${prefix}_([0-9a-f]{32})(?:_\\d{1,9})?$`).exec(id)?.[1];
  return digits?.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
