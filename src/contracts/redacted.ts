/** What stands where a key stood. */
export const REDACTED = '***';

/** A key as JSON and URLs write it, too: the longest first. */
export function spellings(key: string): string[] {
  const all = [key, JSON.stringify(key).slice(1, -1), encodeURIComponent(key)];
  return [...new Set(all)].sort((a, b) => b.length - a.length);
}
