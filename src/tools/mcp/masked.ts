/** What is shorter is a word like any other. */
const SHORTEST_KEY = 12;

/** A text without the values of secrets, however they are spelled. */
export function masked(text: string, keys: ReadonlySet<string>): string {
  return [...keys]
    .filter((key) => key.length >= SHORTEST_KEY)
    .flatMap((key) => [key, JSON.stringify(key).slice(1, -1), encodeURIComponent(key)])
    .reduce((rest, spelling) => rest.replaceAll(spelling, '***'), text);
}
