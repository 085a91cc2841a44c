/** Decodes percent-encoding. Returns undefined for a text that is not valid percent-encoding. */
export function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
